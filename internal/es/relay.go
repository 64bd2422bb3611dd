package es

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Relay publishes what was appended, at least once, in the order each stream was
// written in, and then gives it its place in the feed. What was imported from another
// store gets its place without being published. Any number of processes may run one;
// the lease lets one of them work.
type Relay struct {
	Outbox  Outbox
	Leader  *Leader
	Publish func(context.Context, []Record) error // returns once the broker has confirmed
	Wake    <-chan struct{}                       // says that something was appended
	Moved   func()                                // is called when the feed has grown
	Log     *slog.Logger
	Batch   int           // records to publish at a time
	Idle    time.Duration // how long to wait for Wake before looking anyway
}

// Run relays until ctx is done. Failures are logged and tried again.
func (r *Relay) Run(ctx context.Context) error {
	defer func() { r.Leader.Leave(ctx) }()
	for failures := 0; ctx.Err() == nil; {
		n, err := r.turn(ctx)
		if err != nil {
			r.report(ctx, err)
			r.rest(ctx, min(r.Idle<<min(failures, 10), max(r.Idle, longestRest)))
			failures++
			continue
		}
		failures = 0
		if n == 0 {
			r.rest(ctx, r.Idle)
		}
	}
	return nil
}

// longestRest is how long the relay makes a pause at most after failures, which is
// also how late it may see that the lease has become free.
const longestRest = time.Second

func (r *Relay) turn(ctx context.Context) (int, error) {
	lease, err := r.Leader.Lead(ctx)
	if err != nil {
		return 0, err
	}
	n, err := r.once(ctx, lease)
	if err != nil {
		r.Leader.Doubt()
	}
	return n, err
}

func (r *Relay) once(ctx context.Context, lease Lease) (int, error) {
	pending, err := r.Outbox.Pending(ctx, r.Batch)
	if err != nil {
		return 0, fmt.Errorf("read the outbox: %w", err)
	}
	n, records := 0, []Record(nil)
	for _, p := range pending {
		n += len(p.Records)
		if p.Records[0].Metadata.Origin == "" { // of what was made elsewhere its store tells
			records = append(records, p.Records...)
		}
	}
	if n == 0 {
		return 0, nil
	}
	if len(records) > 0 {
		if err := r.Publish(ctx, records); err != nil {
			return 0, fmt.Errorf("publish %d records: %w", len(records), err)
		}
	}
	if err := r.Outbox.Forward(ctx, lease, pending); err != nil {
		return 0, fmt.Errorf("forward %d records: %w", n, err)
	}
	r.Moved()
	return n, nil
}

func (r *Relay) rest(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-r.Wake:
	case <-time.After(pause):
	}
}

// report logs what went wrong, except that a lease held elsewhere and a shutdown
// are how things should be.
func (r *Relay) report(ctx context.Context, err error) {
	if ctx.Err() == nil && !errors.Is(err, ErrFenced) {
		r.Log.WarnContext(ctx, "relay events", "err", err)
	}
}
