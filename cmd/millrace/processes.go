package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/adminapi"
	"github.com/millrace/millrace/ports/messages"
)

func processesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "processes",
		Short: "List, show or retry processes, such as the checkout of an order",
		Long: `Processes see to it that what has begun comes to an end: the checkout of an order, say,
has it paid and cooked. Each waits for something most of the time; one that is stuck
does not get on without help.

An ID is a process's own, such as that of an order, or begins with the name of the
process manager and a dash, such as checkout-ID. To retry a process lets it try again
what it waits for, as soon as a running service sees that.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(listProcesses(), showProcess(), retryProcesses())
	return cmd
}

// ward is what the commands for processes work with.
type ward struct {
	store *sqlstore.Store
	rows  sqlstore.ProcessRows
	now   time.Time
	out   io.Writer
	aside io.Writer // for people; programs read out
}

// processRows shows the processes of a store, and the dead letters that are about them.
func processRows(store *sqlstore.Store) (sqlstore.ProcessRows, error) {
	codec, err := process.NewCodec()
	if err != nil {
		return sqlstore.ProcessRows{}, err
	}
	read := func(manager string, d sqlstore.DeadLetter) (es.Record, string, error) {
		r, err := messages.EventOf(buried(d))
		if err != nil {
			return r, "", err
		}
		e, err := es.DecodeRecord(codec, r)
		if err != nil {
			return r, "", nil // which may be why it is here
		}
		return r, process.Subject(manager, r.Stream, e), nil
	}
	return sqlstore.ProcessRows{Store: store, Handler: messages.EventsHandler, Event: read}, nil
}

// withWard opens the store for a command.
func withWard(c *config, run func(context.Context, ward, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return configured(c, func(cmd *cobra.Command) (err error) {
			store, err := existingStore(cmd.Context(), *c)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			rows, err := processRows(store)
			if err != nil {
				return err
			}
			w := ward{store: store, rows: rows, now: time.Now(), out: cmd.OutOrStdout(), aside: cmd.ErrOrStderr()}
			return run(cmd.Context(), w, args)
		})(cmd, nil)
	}
}

func listProcesses() *cobra.Command {
	var (
		c             config
		q             query.ListProcesses
		stuck, asJSON bool
	)
	cmd := &cobra.Command{Use: "list", Short: "List processes, newest first", Args: cobra.NoArgs}
	c.storeFlags(cmd.Flags())
	cmd.Flags().BoolVar(&stuck, "stuck", false, "only those that do not get on")
	cmd.Flags().StringVar(&q.Name, "name", "", "only those of one process manager: checkout, cashier or kitchen")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one process a line")
	cmd.Flags().IntVar(&q.Limit, "limit", 1000, "the most processes to list")
	cmd.RunE = withWard(&c, func(ctx context.Context, w ward, _ []string) error {
		if q.Limit < 1 {
			return fmt.Errorf("--limit=%d: want at least 1", q.Limit)
		}
		if cmd.Flags().Changed("name") {
			if err := adminapi.CheckManager(c.managers(), q.Name); err != nil {
				return fmt.Errorf("--name=%q: %w", q.Name, err)
			}
		}
		rows, err := w.list(ctx, q, stuck)
		if err != nil {
			return err
		}
		if asJSON {
			encoder := json.NewEncoder(w.out)
			for _, row := range rows {
				if err := encoder.Encode(adminapi.ShowProcess(row, w.now)); err != nil {
					return err
				}
			}
			return nil
		}
		if stuck && len(rows) == 0 {
			fmt.Fprintln(w.aside, "nothing is stuck")
			return nil
		}
		t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "NAME\tID\tSTARTED AT\tUPDATED AT\tIS")
		for _, row := range rows {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", row.Name, row.ID, shownTime(row.Instance.StartedAt), shownTime(row.UpdatedAt), w.standing(row))
		}
		return t.Flush()
	})
	return cmd
}

// list returns processes, page by page.
func (w ward) list(ctx context.Context, q query.ListProcesses, stuck bool) ([]query.ProcessRow, error) {
	if stuck {
		return query.StuckProcesses(ctx, w.rows, q, w.now)
	}
	const page = 200
	var all []query.ProcessRow
	for left := q.Limit; ; {
		q.Limit = min(left, page)
		rows, err := w.rows.ListProcesses(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if left -= len(rows); left == 0 || len(rows) < q.Limit {
			return all, nil
		}
		q.After = rows[len(rows)-1].Place()
	}
}

// standing says in a few words how a process is doing.
func (w ward) standing(row query.ProcessRow) string {
	switch why := row.Stuck(w.now); {
	case len(why) > 1:
		return fmt.Sprintf("stuck: %s, and %d more", why[0], len(why)-1)
	case len(why) > 0:
		return "stuck: " + why[0]
	case row.Instance.Standing.Done:
		return "done"
	case row.Instance.Standing.Waits != "":
		return "waiting for " + row.Instance.Standing.Waits
	}
	return "waiting"
}

// shownTime is how times are shown to people.
func shownTime(t time.Time) string { return t.Format(time.RFC3339) }

// find returns the process that somebody names.
func (w ward) find(ctx context.Context, named string) (query.ProcessRow, error) {
	row, err := query.FindProcess(ctx, w.rows, named)
	if err != nil {
		return row, fmt.Errorf("%s: %w", named, err)
	}
	return row, nil
}

func retryProcesses() *cobra.Command {
	var (
		c     config
		stuck bool
	)
	cmd := &cobra.Command{Use: "retry [ID...]", Short: "Let processes try again what they wait for"}
	c.storeFlags(cmd.Flags())
	cmd.Flags().BoolVar(&stuck, "stuck", false, "all processes that do not get on")
	cmd.RunE = withWard(&c, func(ctx context.Context, w ward, ids []string) error {
		if err := checkChoice(ids, "processes", stuck, "--stuck"); err != nil {
			return err
		}
		chosen, err := w.choose(ctx, ids)
		if err != nil {
			return err
		}
		if len(chosen) == 0 {
			fmt.Fprintln(w.aside, "nothing to retry")
		}
		retry := retryProcess(w.store)
		for _, row := range chosen {
			if err := retry(ctx, row.Name, row.ID); err != nil {
				return fmt.Errorf("retry %s %s: %w", row.Name, row.ID, err)
			}
			fmt.Fprintf(w.out, "will retry %s %s\n", row.Name, row.ID)
		}
		return nil
	})
	return cmd
}

// checkChoice wants either some things by their ids, or all of a kind by a flag.
func checkChoice(ids []string, things string, all bool, flag string) error {
	switch {
	case len(ids) > 0 && all:
		return fmt.Errorf("want the ids of %s or %s, not both", things, flag)
	case len(ids) == 0 && !all:
		return fmt.Errorf("want the ids of %s, or %s", things, flag)
	}
	return nil
}

// choose returns the processes that are named, or all that are stuck if none is.
func (w ward) choose(ctx context.Context, ids []string) ([]query.ProcessRow, error) {
	if len(ids) == 0 {
		return w.list(ctx, query.ListProcesses{Limit: 1_000_000}, true)
	}
	var chosen []query.ProcessRow
	for _, id := range ids {
		row, err := w.find(ctx, id)
		if err != nil {
			return nil, err
		}
		same := func(other query.ProcessRow) bool { return other.Name == row.Name && other.ID == row.ID }
		if !slices.ContainsFunc(chosen, same) {
			chosen = append(chosen, row)
		}
	}
	return chosen, nil
}

// retryProcess returns what asks a process to try again. It sets a timer, which the
// service fires that runs the process.
func retryProcess(store *sqlstore.Store) func(ctx context.Context, name, id string) error {
	return func(ctx context.Context, name, id string) error {
		return es.Retry(ctx, sqlstore.Processes[json.RawMessage]{Store: store, Name: name}, id)
	}
}
