package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// printSetting says what the figures are about.
func (b *bench) printSetting(ctx context.Context) error {
	return b.freshly(ctx, func(st store, br broker) error {
		database, err := st.describe(ctx)
		if err != nil {
			return err
		}
		carrier, err := br.describe(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "## %s; %s\n\n", database, carrier)
		fmt.Fprintf(b.out, "%s, %d cores, %s; everything on one machine.\n", runtime.Version(), runtime.NumCPU(), cpuModel())
		return nil
	})
}

// printClosedLoops prints a row for each number of clients, beside the raw limits.
// It returns what the most clients got done, in commands a second.
func (b *bench) printClosedLoops(ctx context.Context) (commands float64, err error) {
	b.head("clients", "commands/s", "orders into the view/s", "last visible after", "write → outcome p50 / p99", "write → visible p50 / p99",
		"store per command", "RSS", "raw, one event per transaction", "raw, batched", "raw, confirmed publishes", "ratio to raw one")
	for _, n := range b.clients {
		limits, err := b.raw(ctx, n)
		if err != nil {
			return 0, err
		}
		f, err := b.measure(ctx, n)
		if err != nil {
			return 0, err
		}
		commands = f.wrote.rate()
		b.row(n, whole(commands), whole(f.orders), ms(f.lag),
			ms(f.wrote.quantile(0.5))+" / "+ms(f.wrote.quantile(0.99)), ms(f.visible.quantile(0.5))+" / "+ms(f.visible.quantile(0.99)),
			kilobytes(f.perWrite), fmt.Sprintf("%d MB", f.resident/1_000_000),
			whole(limits.one), whole(limits.batched), whole(limits.confirms), fmt.Sprintf("%.2f", commands/limits.one))
	}
	return commands, nil
}

// openConnections is how many requests of the open loop may be under way.
const openConnections = 256

// printOpenLoop starts so many creations a second and reads each order back.
func (b *bench) printOpenLoop(ctx context.Context, perSecond float64) error {
	var seen result
	err := b.serving(ctx, func(s *service) error {
		if _, err := closedLoop(ctx, s.api, b.most(), b.duration/8, createAndSee); err != nil { // warms up
			return err
		}
		var err error
		seen, err = openLoop(ctx, s.api, perSecond, openConnections, b.duration, createAndSee)
		return err
	})
	if err != nil {
		return err
	}
	p50, p99 := seen.quantile(0.5), seen.quantile(0.99)
	b.head("open loop, commands due/s", "commands/s", "due → visible p50", "p99", "p99 / p50")
	b.row(whole(perSecond), whole(seen.rate()), ms(p50), ms(p99), fmt.Sprintf("%.1f", float64(p99)/float64(p50)))
	return nil
}

// printComparison prints what the textbook gets done and, beside it, the service.
func (b *bench) printComparison(ctx context.Context) error {
	if b.textbook == "" {
		return nil
	}
	theirs, err := b.theirs(ctx)
	if err != nil {
		return err
	}
	b.head(fmt.Sprintf("%d orders, %d clients", b.orders, b.most()),
		"created into the view/s", "created and submitted into the view/s", "beside the textbook")
	b.row("textbook, answered when taken", whole(theirs.created), whole(theirs.submitted), "")
	if b.binary == "" {
		return nil
	}
	for _, mode := range []struct {
		name    string
		decided bool
	}{{"Millrace, answered when taken", false}, {"Millrace, answered when decided", true}} {
		ours, err := b.ours(ctx, mode.decided)
		if err != nil {
			return err
		}
		b.row(mode.name, whole(ours.created), whole(ours.submitted),
			fmt.Sprintf("%.1f and %.1f times", ours.created/theirs.created, ours.submitted/theirs.submitted))
	}
	return nil
}

// head begins a table.
func (b *bench) head(columns ...string) {
	fmt.Fprintf(b.out, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

func (b *bench) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(b.out, "| %v ", c)
	}
	fmt.Fprintln(b.out, "|")
}

// whole leaves a cell empty where nothing could be measured.
func whole(n float64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", n)
}

func kilobytes(n float64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f kB", n/1000)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }

func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for _, line := range strings.Split(string(data), "\n") {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimLeft(name, "\t: ")
		}
	}
	return "unknown processor"
}
