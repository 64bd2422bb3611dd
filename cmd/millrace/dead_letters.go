package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/spf13/cobra"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/ports/messages"
)

func deadLettersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "List, show, requeue or discard messages that could not be handled",
		Long: `Dead letters are messages that a handler has given up on after all its retries. The
store keeps them until somebody requeues or discards them.

To requeue one is right when the cause is gone. A command that was given up loses
its outcome "failed" and is carried out once more. If another store has sent it, the
broker has to be there: its letter stays until the broker has it. An event lets its
handler catch up with the order: with that event and all later ones, in their order.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(listLetters(), showLetter(),
		changeLetters("requeue", "Have dead letters handled once more", letters.requeue),
		changeLetters("discard", "Remove dead letters for good", letters.discard))
	return cmd
}

// letters is what the commands for dead letters work with.
type letters struct {
	store  *sqlstore.Store
	broker broker.Broker // nil if it is in the memory of another process
	out    io.Writer
}

// withLetters opens the store and the broker for a command.
func withLetters(c *config, run func(context.Context, letters, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return configured(c, func(cmd *cobra.Command) (err error) {
			ctx := cmd.Context()
			store, err := existingStore(ctx, *c)
			if err != nil {
				return err
			}
			l := letters{store: store, out: cmd.OutOrStdout()}
			defer func() { err = errors.Join(err, store.Close()) }()
			if c.Broker != "memory:" {
				log := slog.New(slog.DiscardHandler) // what goes wrong is returned
				if l.broker, err = openBroker(ctx, *c, store, log); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, l.broker.Close()) }()
			}
			return run(ctx, l, args)
		})(cmd, nil)
	}
}

func listLetters() *cobra.Command {
	var (
		c      config
		asJSON bool
		limit  int
	)
	cmd := &cobra.Command{Use: "list", Short: "List dead letters, oldest first", Args: cobra.NoArgs}
	c.storeFlags(cmd.Flags())
	c.brokerFlag(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one letter a line")
	cmd.Flags().IntVar(&limit, "limit", 1000, "the most letters to list")
	cmd.RunE = withLetters(&c, func(ctx context.Context, l letters, _ []string) error {
		all, err := l.store.DeadLetters(ctx, limit)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(json.NewEncoder(l.out), all...)
		}
		t := tabwriter.NewWriter(l.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tHANDLER\tORDER\tTYPE\tATTEMPTS\tDIED AT\tERROR")
		for _, d := range all {
			reason, _, _ := strings.Cut(d.Error, "\n")
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.ID, d.Handler, d.Metadata[broker.KeyHeader],
				d.Metadata[broker.TypeHeader], d.Attempts, d.DiedAt.Format(time.RFC3339), reason)
		}
		return t.Flush()
	})
	return cmd
}

func showLetter() *cobra.Command {
	var c config
	cmd := &cobra.Command{Use: "show ID", Short: "Show one dead letter with all that is known of it", Args: cobra.ExactArgs(1)}
	c.storeFlags(cmd.Flags())
	c.brokerFlag(cmd.Flags())
	cmd.RunE = withLetters(&c, func(ctx context.Context, l letters, args []string) error {
		d, err := l.store.DeadLetter(ctx, args[0])
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		encoder := json.NewEncoder(l.out)
		encoder.SetIndent("", "  ")
		return printJSON(encoder, d)
	})
	return cmd
}

// changeLetters makes a command that does something with each of some letters.
func changeLetters(name, short string, change func(letters, context.Context, sqlstore.DeadLetter) error) *cobra.Command {
	var (
		c   config
		all bool
	)
	cmd := &cobra.Command{Use: name + " [ID...]", Short: short}
	c.storeFlags(cmd.Flags())
	c.brokerFlag(cmd.Flags())
	cmd.Flags().BoolVar(&all, "all", false, "all dead letters there are")
	cmd.RunE = withLetters(&c, func(ctx context.Context, l letters, ids []string) error {
		if err := checkChoice(ids, "dead letters", all, "--all"); err != nil {
			return err
		}
		chosen, err := l.choose(ctx, ids)
		if err != nil {
			return err
		}
		for _, d := range chosen {
			if err := change(l, ctx, d); err != nil {
				return fmt.Errorf("%s %s: %w", name, d.ID, err)
			}
			fmt.Fprintf(l.out, "%sed %s\n", strings.TrimSuffix(name, "e"), d.ID)
		}
		return nil
	})
	return cmd
}

// choose returns the letters with these ids, or all of them if there are no ids.
func (l letters) choose(ctx context.Context, ids []string) ([]sqlstore.DeadLetter, error) {
	if len(ids) == 0 {
		return l.store.DeadLetters(ctx, 1_000_000)
	}
	var chosen []sqlstore.DeadLetter
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		d, err := l.store.DeadLetter(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		chosen = append(chosen, d)
	}
	return chosen, nil
}

// requeue has the message of a letter handled again. Its command must have no outcome
// when it is published, or its handler would find it decided.
//
// What the store has itself is not lost if the broker does not take it: commands are
// sent again from the journal, and handlers of events find in the feed what they have
// not seen. Of anything else, such as a command that another store has sent, the letter
// is the only copy. It is there until the broker is answerable for the message.
func (l letters) requeue(ctx context.Context, d sqlstore.DeadLetter) error {
	journaled, err := l.store.Requeue(ctx, d)
	if err != nil {
		return err
	}
	err = l.publish(ctx, d)
	if err != nil && !journaled && d.Topic != messages.EventsTopic {
		return fmt.Errorf("it is still a dead letter, since the broker did not take it: %w", err)
	}
	if err != nil && l.broker != nil {
		fmt.Fprintf(l.out, "%s will be handled later, since the broker did not take it: %v\n", d.ID, err)
	}
	gone := journaled
	if !journaled {
		if gone, err = l.store.Forget(ctx, d); err != nil {
			return fmt.Errorf("its message is published, but it is still a dead letter: %w", err)
		}
	}
	if !gone {
		fmt.Fprintf(l.out, "%s has become a dead letter again\n", d.ID)
		return nil
	}
	return l.takeDown(ctx, d)
}

// errElsewhere says that there is no way to publish a message.
var errElsewhere = errors.New("the broker memory: is in another process; is MILLRACE_BROKER what the service has?")

// publish gives the message of a letter back to the broker.
func (l letters) publish(ctx context.Context, d sqlstore.DeadLetter) error {
	if l.broker == nil {
		return errElsewhere
	}
	m := buried(d)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	m.SetContext(ctx)
	return l.broker.Publish(d.Topic, m)
}

// buried returns the message that a handler gave up on.
func buried(d sqlstore.DeadLetter) *message.Message {
	m := message.NewMessage(d.MessageID, d.Payload)
	m.Metadata = d.Metadata
	return m
}

func (l letters) discard(ctx context.Context, d sqlstore.DeadLetter) error {
	if err := l.store.Discard(ctx, d.ID); err != nil {
		return err
	}
	return l.takeDown(ctx, d)
}

// takeDown removes a letter from where those see it who look at the broker.
func (l letters) takeDown(ctx context.Context, d sqlstore.DeadLetter) error {
	shown, ok := l.broker.(shelf)
	if !ok {
		return nil
	}
	if _, err := shown.Remove(ctx, messages.DeadLettersTopic(d.Handler), d.ID); err != nil {
		fmt.Fprintf(l.out, "%s still lies in the broker's queue: %v\n", d.ID, err)
	}
	return nil
}

// printJSON prints dead letters as people and programs can read them.
func printJSON(encoder *json.Encoder, all ...sqlstore.DeadLetter) error {
	for _, d := range all {
		payload := any(string(d.Payload))
		if json.Valid(d.Payload) {
			payload = json.RawMessage(d.Payload)
		}
		err := encoder.Encode(map[string]any{
			"id": d.ID, "handler": d.Handler, "topic": d.Topic, "message_id": d.MessageID, "payload": payload,
			"metadata": d.Metadata, "error": d.Error, "attempts": d.Attempts, "died_at": d.DiedAt,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
