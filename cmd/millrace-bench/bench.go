package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// bench is one combination of a store and a broker to measure.
type bench struct {
	out       io.Writer
	name      string // of the combination, in names of files
	binary    string // the service; empty to measure only the textbook
	textbook  string // the program to compare with; empty to compare with nothing
	newStore  func(context.Context) (store, error)
	newBroker func(context.Context) (broker, error)
	clients   []int
	duration  time.Duration
	orders    int    // how many the comparison takes
	profiles  string // a folder for profiles; empty for none
}

// patience is how long the view may stand still while orders are missing in it.
const patience = 20 * time.Second

// run prints what was measured, in tables.
func (b *bench) run(ctx context.Context) error {
	if err := b.printSetting(ctx); err != nil {
		return err
	}
	if b.binary != "" {
		carried, err := b.printClosedLoops(ctx)
		if err != nil {
			return err
		}
		if err := b.printOpenLoop(ctx, carried/2); err != nil {
			return err
		}
		if err := b.printCheckouts(ctx); err != nil {
			return err
		}
	}
	return b.printComparison(ctx)
}

func (b *bench) most() int { return b.clients[len(b.clients)-1] }

// freshly does some work on a store and a broker that nothing is in yet, and
// throws them away, whatever happens.
func (b *bench) freshly(ctx context.Context, work func(store, broker) error) (err error) {
	clean := context.WithoutCancel(ctx)
	st, err := b.newStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close(clean)) }()
	br, err := b.newBroker(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, br.close(clean)) }()
	return work(st, br)
}

// serving starts the service freshly and does some work on it. It takes its money
// from the built-in gateway, whose ledger is a file on disk.
func (b *bench) serving(ctx context.Context, work func(*service) error) error {
	return b.freshly(ctx, func(st store, br broker) (err error) {
		till, err := os.MkdirTemp("", "millrace-bench-*")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(till)) }()
		s, err := start(ctx, st, 2, b.binary, "serve", "--store", st.address(), "--broker", br.address(),
			"--gateway", "simulator:"+filepath.Join(till, "ledger.db"),
			"--http-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--log-level", "warn")
		if err != nil {
			return err
		}
		if err := work(s); err != nil {
			s.kill()
			return err
		}
		return s.stop()
	})
}

// limits is what the parts give without a service.
type limits struct{ one, batched, confirms float64 }

func (b *bench) raw(ctx context.Context, clients int) (limits, error) {
	var l limits
	err := b.freshly(ctx, func(st store, br broker) (err error) {
		if l.one, l.batched, err = st.raw(ctx, clients, b.duration/4); err != nil {
			return fmt.Errorf("measure the database alone: %w", err)
		}
		if l.confirms, err = br.raw(ctx, clients, b.duration/4); err != nil {
			return fmt.Errorf("measure the broker alone: %w", err)
		}
		return nil
	})
	return l, err
}

// figures are what one number of clients made of the service.
type figures struct {
	wrote    result        // latencies of commands until their outcome
	visible  result        // latencies of commands until the view shows them
	orders   float64       // completed into the view, a second
	lag      time.Duration // from the last answer until the last order was visible
	perWrite float64       // bytes of the store for each command
	resident int64         // bytes of memory
}

func (b *bench) measure(ctx context.Context, clients int) (figures, error) {
	var f figures
	err := b.serving(ctx, func(s *service) error {
		warm, err := closedLoop(ctx, s.api, clients, b.duration/8, createAndSubmit)
		if err != nil {
			return err
		}
		submitted := len(warm.latencies) / 2
		if _, err := visible(ctx, s.store, "submitted", submitted); err != nil {
			return err
		}
		before, begin := s.store.bytes(), time.Now()
		profiled := b.profile(ctx, s, clients, fmt.Sprintf("%d-clients", clients))
		if f.wrote, err = closedLoop(ctx, s.api, clients, b.duration, createAndSubmit); err != nil {
			return err
		}
		answered, orders := time.Now(), len(f.wrote.latencies)/2
		last, err := visible(ctx, s.store, "submitted", submitted+orders)
		if err != nil {
			return err
		}
		f.orders, f.lag = float64(orders)/last.Sub(begin).Seconds(), last.Sub(answered)
		f.perWrite = float64(s.store.bytes()-before) / float64(len(f.wrote.latencies))
		f.resident = s.rss()
		f.visible, err = closedLoop(ctx, s.api, clients, b.duration/2, createAndSee)
		return errors.Join(err, <-profiled)
	})
	return f, err
}

// profile watches the service with the most clients, if it is to. It reports when
// it is done.
func (b *bench) profile(ctx context.Context, s *service, clients int, name string) <-chan error {
	done := make(chan error, 1)
	if b.profiles == "" || clients != b.most() {
		done <- nil
		return done
	}
	go func() {
		seconds := max(1, int(b.duration.Seconds()/2))
		done <- s.profile(ctx, seconds, filepath.Join(b.profiles, b.name+"-"+name+".pprof"))
	}()
	return done
}

// visible waits until the view shows so many orders of a status, and returns when
// that was.
func visible(ctx context.Context, st store, status string, want int) (time.Time, error) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for last, moved := 0, time.Now(); ; {
		n, err := st.orders(ctx, status)
		switch {
		case err != nil:
			return time.Time{}, fmt.Errorf("count %s orders: %w", status, err)
		case n >= want:
			return time.Now(), nil
		case n != last:
			last, moved = n, time.Now()
		case time.Since(moved) > patience:
			return time.Time{}, fmt.Errorf("the view stands still at %d of %d %s orders", n, want, status)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
}
