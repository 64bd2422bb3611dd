// Command millrace-bench puts a load on Millrace and prints what it carried, next
// to what the disk under it gives without Millrace.
//
// It starts the binary it is given on a fresh store, drives it over HTTP in a
// closed loop (each client sends its next request when the last was answered),
// and measures the raw rates of the same machine in the same run, since rates
// drift and only ratios within one run compare.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	var (
		binary   = flag.String("binary", "bin/millrace", "the service to measure")
		clients  = flag.String("clients", "1,16,64", "numbers of concurrent clients")
		duration = flag.Duration("duration", 8*time.Second, "how long each measurement takes")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, *clients, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "millrace-bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary, clients string, duration time.Duration) error {
	fmt.Printf("%s, %d cores, %s; SQLite in WAL mode, synchronous FULL; everything on one machine\n\n",
		runtime.Version(), runtime.NumCPU(), cpuModel())
	fmt.Println("| clients | commands/s | write → outcome p50 / p99 | write → visible p50 / p99 | drained after | store per command | RSS | raw, one event per transaction | raw, batched | ratio to raw one |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, word := range strings.Split(clients, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return fmt.Errorf("-clients: %q is not a number of clients", word)
		}
		if err := measure(ctx, binary, n, duration); err != nil {
			return err
		}
	}
	return nil
}

func measure(ctx context.Context, binary string, clients int, duration time.Duration) error {
	one, batched, err := rawSQLite(ctx, clients, duration/4)
	if err != nil {
		return fmt.Errorf("measure raw SQLite: %w", err)
	}
	s, err := start(ctx, binary)
	if err != nil {
		return err
	}
	defer s.kill()
	if _, err := load(ctx, s.addr, clients, duration/8, createAndSubmit); err != nil { // warms up
		return err
	}
	before := s.storeBytes()
	wrote, err := load(ctx, s.addr, clients, duration, createAndSubmit)
	if err != nil {
		return err
	}
	drained, err := s.drained(ctx)
	if err != nil {
		return err
	}
	size := float64(s.storeBytes()-before) / float64(len(wrote.latencies))
	rss := s.rss()
	visible, err := load(ctx, s.addr, clients, duration/2, createAndSee)
	if err != nil {
		return err
	}
	rate := wrote.rate()
	fmt.Printf("| %d | %.0f | %s / %s | %s / %s | %s | %.1f kB | %d MB | %.0f | %.0f | %.2f |\n", clients, rate,
		ms(wrote.quantile(0.5)), ms(wrote.quantile(0.99)), ms(visible.quantile(0.5)), ms(visible.quantile(0.99)),
		ms(drained), size/1000, rss/1_000_000, one, batched, rate/one)
	return s.stop()
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
