package es

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Progress knows how far a projection or a process has got with the feed.
type Progress interface {
	// Checkpoint returns the position up to which everything has been seen.
	Checkpoint(context.Context) (Position, error)

	// Behind looks at the next stretch of the feed after a position, at most
	// limit positions and not beyond end. It returns the ids of aggregates of
	// which not every event in it has been seen, and where the stretch ends.
	Behind(ctx context.Context, after, end Position, limit int) (ids []string, upTo Position, err error)

	// Reached moves the checkpoint.
	Reached(context.Context, Position) error
}

// Follower sees to it that nothing stays unseen when the broker loses a message:
// it compares what a projection or process has seen with the feed, and lets it
// catch up. Messages make handlers quick; the follower makes them complete.
type Follower struct {
	Name        string
	Progress    Progress
	Feed        Feed
	CatchUp     func(ctx context.Context, id string) error
	Concurrency int           // how many aggregates to catch up with at a time
	Every       time.Duration // how long events may take to be seen by way of a message
	Log         *slog.Logger

	seen   Position            // how far in the feed it has looked since it runs
	kept   Position            // the checkpoint
	failed map[string]struct{} // what could not be caught up with on the way
}

// Run compares at the start, and then time and again until ctx is done.
func (f *Follower) Run(ctx context.Context) error {
	f.failed = map[string]struct{}{}
	end, err := f.Feed.Head(ctx)
	for begun := false; ; {
		if err == nil && !begun {
			f.seen, err = f.Progress.Checkpoint(ctx)
			f.kept, begun = f.seen, err == nil
		}
		if err == nil {
			err = f.sweep(ctx, end)
		}
		if err != nil && ctx.Err() == nil {
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

// sweep catches up with the feed as far as end. An aggregate that cannot be
// caught up with is tried again with every sweep. It holds up the checkpoint, but
// not the others.
func (f *Follower) sweep(ctx context.Context, end Position) error {
	const stretch = 2_000
	again := slices.Sorted(maps.Keys(f.failed))
	clear(f.failed)
	f.catchUp(ctx, again)
	if err := f.reached(ctx); err != nil {
		return err
	}
	for f.seen < end && ctx.Err() == nil {
		ids, upTo, err := f.Progress.Behind(ctx, f.seen, end, stretch)
		if err != nil || upTo <= f.seen {
			return err
		}
		f.catchUp(ctx, ids)
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
	err := f.Progress.Reached(ctx, f.seen)
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
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			f.failed[id] = struct{}{}
			if ctx.Err() == nil {
				f.Log.WarnContext(ctx, "catch up", "handler", f.Name, "id", id, "err", err)
			}
		})
	}
	work.Wait()
}
