package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/ports/adminapi"
)

func showProcess() *cobra.Command {
	var (
		c      config
		asJSON bool
	)
	cmd := &cobra.Command{Use: "show ID", Short: "Show a process with all that it has seen and sent", Args: cobra.ExactArgs(1)}
	c.storeFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = withWard(&c, func(ctx context.Context, w ward, args []string) error {
		row, err := w.find(ctx, args[0])
		if err != nil {
			return err
		}
		p := adminapi.ShowProcess(row, w.now)
		if !asJSON {
			return tell(w.out, p, w.standing(row), w.now)
		}
		encoder := json.NewEncoder(w.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(p)
	})
	return cmd
}

// tell prints what there is to know of a process, for people.
func tell(out io.Writer, p adminapi.Process, standing string, now time.Time) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", p.Name, p.ID)
	if len(p.Stuck) > 0 {
		standing = "stuck"
	}
	fmt.Fprintf(&b, "  is %s\n", standing)
	for _, why := range p.Stuck {
		fmt.Fprintf(&b, "    %s\n", why)
	}
	fmt.Fprintf(&b, "  started %s, updated %s, correlation id %s\n", shownTime(p.StartedAt), shownTime(p.UpdatedAt), p.CorrelationID)
	fmt.Fprintf(&b, "  state %s\n", p.State)
	for _, t := range p.Timers {
		if t.IsRetry() {
			fmt.Fprintln(&b, "  will retry")
			continue
		}
		fmt.Fprintf(&b, "  timer %s at %s, %s\n", t.Name, shownTime(t.At), whence(t.At.Sub(now)))
	}
	for _, stream := range slices.Sorted(maps.Keys(p.Streams)) {
		fmt.Fprintf(&b, "  has seen %s up to version %d\n", stream, p.Streams[stream])
	}
	fmt.Fprintln(&b, "steps")
	for _, s := range p.Steps {
		tellStep(&b, s)
	}
	_, err := out.Write(b.Bytes())
	return err
}

// tellStep prints what a process has seen, and what became of what it sent.
func tellStep(out io.Writer, s adminapi.ProcessStep) {
	fmt.Fprintf(out, "  %s  %s", s.At.Format(time.RFC3339Nano), s.Event)
	switch {
	case s.Timer != "":
		fmt.Fprintf(out, " (%s)", s.Timer)
	case s.Stream != "":
		fmt.Fprintf(out, " (%s, version %d)", s.Stream, s.Version)
	}
	fmt.Fprintln(out)
	for _, c := range s.Sent {
		fmt.Fprintf(out, "    sent %s to %s: %s", c.Type, c.Target, c.Status)
		if c.Problem != nil {
			fmt.Fprintf(out, " (%s: %s)", c.Problem.Code, c.Problem.Detail)
		}
		fmt.Fprintf(out, "  %s\n", c.ID)
	}
}

// whence says how far off a moment is.
func whence(d time.Duration) string {
	if d = d.Round(time.Second); d < 0 {
		return (-d).String() + " ago"
	}
	return "in " + d.String()
}
