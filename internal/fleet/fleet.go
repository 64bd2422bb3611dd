// Package fleet runs the real binary for tests, as one process or as many that make
// up a service. It starts them, waits until they are ready, and kills them.
package fleet

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a process may take to be ready, or to stop.
const Patience = 30 * time.Second

// Fleet is a service as processes. It may be used by many goroutines.
type Fleet struct {
	tb testing.TB

	mu    sync.Mutex
	slots []*Process // the process that runs in each, or ran last
}

// New returns a service that does not run yet, and sees to it that no process outlives
// the test.
func New(tb testing.TB) *Fleet {
	f := &Fleet{tb: tb}
	tb.Cleanup(func() {
		for i, p := range f.All() {
			p.Kill()
			if text := p.log.Tail(1_500); tb.Failed() && text != "" {
				tb.Logf("the log of process %d (%s) ends with\n%s", i, p.Name, text)
			}
		}
	})
	return f
}

// Start runs a further process for each of some runs, without waiting for it.
func (f *Fleet) Start(runs ...Run) {
	f.tb.Helper()
	for _, r := range runs {
		p := Start(f.tb, r)
		f.mu.Lock()
		f.slots = append(f.slots, p)
		f.mu.Unlock()
	}
}

// Again starts the process in a slot again, which has ended.
func (f *Fleet) Again(slot int) *Process {
	f.tb.Helper()
	p := Start(f.tb, f.All()[slot].run)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots[slot] = p
	return p
}

// All returns the process that runs in each slot, or ran last.
func (f *Fleet) All() []*Process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.slots)
}

// Named returns the slots of the processes with a name.
func (f *Fleet) Named(name string) (slots []int) {
	for i, p := range f.All() {
		if p.Name == name {
			slots = append(slots, i)
		}
	}
	return slots
}

// AwaitReady fails the test unless all processes become ready.
func (f *Fleet) AwaitReady() {
	f.tb.Helper()
	for _, p := range f.All() {
		p.AwaitReady(f.tb)
	}
}

// API returns the address of a process that answers requests, in turn, or "" if there
// is none.
func (f *Fleet) API(turn int) string {
	var up []string
	for _, p := range f.All() {
		if p.IsUp() && p.API() != "" {
			up = append(up, p.API())
		}
	}
	if len(up) == 0 {
		return ""
	}
	return up[turn%len(up)]
}

// Stop asks all processes to end, and fails the test unless they do so cleanly.
func (f *Fleet) Stop() {
	f.tb.Helper()
	for _, p := range f.All() {
		p.Signal(f.tb, syscall.SIGTERM)
	}
	for _, p := range f.All() {
		p.awaitStop(f.tb)
	}
}

// Running returns an error unless every process is still the one that was started.
func (f *Fleet) Running() error {
	var errs []error
	for i, p := range f.All() {
		select {
		case <-p.Gone:
			errs = append(errs, fmt.Errorf("process %d (%s) ended by itself", i, p.Name))
		default:
		}
	}
	return errors.Join(errs...)
}

// Eventually waits until a condition gives no error, and returns its last one if that
// takes too long. It pauses after each look for as long as that took, or longer, so that
// looking takes half of a processor at most, and looks once more at the end.
func Eventually(within time.Duration, condition func() error) error {
	enough := time.Now().Add(within)
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		began := time.Now()
		err := condition()
		left := time.Until(enough)
		switch {
		case err == nil:
			return nil
		case left <= 0:
			return fmt.Errorf("not within %v: %w", within, err)
		}
		<-time.After(min(max(pause, time.Since(began)), left))
	}
}
