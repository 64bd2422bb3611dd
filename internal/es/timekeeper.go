package es

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Timekeeper fires the timers of processes when they are due. Any number of processes
// of the service may run one; the lease lets one of them work. Should two do so all the
// same, as when one slept through its lease, a timer still fires once.
type Timekeeper struct {
	Name   string // of the process manager
	Due    func(ctx context.Context, before time.Time, after DueProcess, limit int) ([]DueProcess, error)
	Fire   func(ctx context.Context, id string) error
	Leader *Leader
	Every  time.Duration // how often to look
	Now    func() time.Time
	Log    *slog.Logger

	failed map[string]failure
}

// Run fires until ctx is done. What fails is logged and tried again, after pauses that
// grow up to a minute.
func (k *Timekeeper) Run(ctx context.Context) error {
	defer func() { k.Leader.Leave(ctx) }()
	tick := time.NewTicker(k.Every)
	defer tick.Stop()
	for {
		if err := k.turn(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrFenced) {
			k.Log.WarnContext(ctx, "look for timers that are due", "process", k.Name, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// turn fires what is due now.
func (k *Timekeeper) turn(ctx context.Context) error {
	const page = 500
	now, failed := k.Now(), map[string]failure{}
	var last DueProcess
	for ctx.Err() == nil {
		if _, err := k.Leader.Lead(ctx); err != nil {
			return err
		}
		due, err := k.Due(ctx, now, last, page)
		if err != nil {
			return err
		}
		k.fireAll(ctx, due, failed)
		if len(due) < page {
			k.failed = failed // without those that are not due any more
			return nil
		}
		last = due[len(due)-1]
	}
	return nil
}

// fireAll fires the timers of some processes, several at a time, and notes those that
// fail.
func (k *Timekeeper) fireAll(ctx context.Context, due []DueProcess, failed map[string]failure) {
	const abreast = 16
	var (
		mu     sync.Mutex
		work   sync.WaitGroup
		places = make(chan struct{}, abreast)
	)
	defer work.Wait()
	for _, p := range due {
		was := k.failed[p.ID]
		if time.Now().Before(was.next) {
			mu.Lock()
			failed[p.ID] = was
			mu.Unlock()
			continue
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		work.Go(func() {
			defer func() { <-places }()
			err := safely(func() error { return k.Fire(ctx, p.ID) })
			if err == nil || ctx.Err() != nil {
				return
			}
			pause := min(k.Every<<min(was.times, 10), maxPause)
			mu.Lock()
			defer mu.Unlock()
			failed[p.ID] = failure{was.times + 1, time.Now().Add(pause)}
			k.Log.WarnContext(ctx, "fire a timer, which is tried again", "process", k.Name, "id", p.ID, "after", pause, "err", err)
		})
	}
}
