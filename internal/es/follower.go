package es

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Progress knows how far a projection or a process has got with the feed.
type Progress interface {
	// Checkpoint returns the position up to which everything has been seen.
	Checkpoint(context.Context) (Position, error)

	// Behind looks at the next stretch of the feed after a position, at most
	// limit positions and not beyond end. It returns what to catch up with, since
	// not every event of it in there has been seen, and where the stretch ends. A
	// projection names aggregates by their ids, a process manager streams.
	Behind(ctx context.Context, after, end Position, limit int) (keys []string, upTo Position, err error)

	// Reached moves the checkpoint. It returns ErrFenced, and changes nothing, if
	// the lease has passed on.
	Reached(context.Context, Lease, Position) error
}

// Follower sees to it that nothing stays unseen when the broker loses a message:
// it compares what a projection or process has seen with the feed, and lets it
// catch up. Messages make handlers quick; the follower makes them complete. Any
// number of processes may run one; the lease lets one of them work.
type Follower struct {
	Name        string
	Progress    Progress
	Feed        Feed
	Leader      *Leader
	CatchUp     func(ctx context.Context, key string) error // as Behind names it
	Concurrency int                                         // how many of them to catch up with at a time
	Every       time.Duration                               // how long events may take to be seen by way of a message
	Log         *slog.Logger

	lease  Lease
	seen   Position           // how far in the feed it has looked since it leads
	kept   Position           // the checkpoint
	failed map[string]failure // what could not be caught up with on the way
}

// failure is an aggregate that could not be caught up with.
type failure struct {
	times int
	next  time.Time // when to try again
}

// maxPause is the longest time between two tries for an aggregate that fails.
const maxPause = time.Minute

// Run compares at the start, and then time and again until ctx is done.
func (f *Follower) Run(ctx context.Context) error {
	defer func() { f.Leader.Leave(ctx) }()
	end, err := f.Feed.Head(ctx)
	for {
		if err == nil {
			err = f.lead(ctx)
		}
		if err == nil {
			err = f.sweep(ctx, end)
		}
		if errors.Is(err, ErrFenced) {
			f.Leader.Doubt()
		} else if err != nil && ctx.Err() == nil {
			f.Log.WarnContext(ctx, "compare with the feed", "handler", f.Name, "err", err)
		}
		end, err = f.Feed.Head(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.Every):
		}
	}
}

// lead takes the lease. Whoever has it anew begins at the checkpoint.
func (f *Follower) lead(ctx context.Context) error {
	lease, err := f.Leader.Lead(ctx)
	if err != nil || lease == f.lease {
		return err
	}
	at, err := f.Progress.Checkpoint(ctx)
	if err != nil {
		return err
	}
	f.lease, f.seen, f.kept, f.failed = lease, at, at, map[string]failure{}
	return nil
}

// sweep catches up with the feed as far as end. An aggregate that cannot be
// caught up with is tried again after growing pauses. It holds up the checkpoint,
// but not the others.
func (f *Follower) sweep(ctx context.Context, end Position) error {
	const stretch = 2_000
	var due []string
	for id, failed := range f.failed {
		if !time.Now().Before(failed.next) {
			due = append(due, id)
		}
	}
	slices.Sort(due)
	f.catchUp(ctx, due)
	if err := f.reached(ctx); err != nil {
		return err
	}
	for f.seen < end && ctx.Err() == nil {
		ids, upTo, err := f.Progress.Behind(ctx, f.seen, end, stretch)
		if err != nil || upTo <= f.seen {
			return err
		}
		f.catchUp(ctx, ids)
		if _, err := f.Leader.Lead(ctx); err != nil {
			return err
		}
		f.seen = upTo
		if err := f.reached(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reached moves the checkpoint if everything up to here has been seen.
func (f *Follower) reached(ctx context.Context) error {
	if len(f.failed) > 0 || f.seen == f.kept || ctx.Err() != nil {
		return nil
	}
	err := f.Progress.Reached(ctx, f.lease, f.seen)
	if err == nil {
		f.kept = f.seen
	}
	return err
}

// catchUp remembers what it fails for.
func (f *Follower) catchUp(ctx context.Context, ids []string) {
	var (
		mu     sync.Mutex
		work   sync.WaitGroup
		places = make(chan struct{}, max(f.Concurrency, 1))
	)
	for _, id := range ids {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			err := safely(func() error { return f.CatchUp(ctx, id) })
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				delete(f.failed, id)
				return
			}
			times := f.failed[id].times
			pause := min(f.Every<<min(times, 10), maxPause)
			f.failed[id] = failure{times + 1, time.Now().Add(pause)}
			if ctx.Err() == nil {
				f.Log.WarnContext(ctx, "catch up, which is tried again", "handler", f.Name, "id", id, "after", pause, "err", err)
			}
		})
	}
	work.Wait()
}
