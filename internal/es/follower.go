package es

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
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
}

// Run compares at the start, and then time and again until ctx is done.
func (f *Follower) Run(ctx context.Context) error {
	end, err := f.Feed.Head(ctx)
	for {
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
// caught up with holds up the checkpoint, but not the others.
func (f *Follower) sweep(ctx context.Context, end Position) error {
	const stretch = 2_000
	after, err := f.Progress.Checkpoint(ctx)
	if err != nil {
		return err
	}
	for whole := true; after < end && ctx.Err() == nil; {
		ids, upTo, err := f.Progress.Behind(ctx, after, end, stretch)
		if err != nil {
			return err
		}
		whole = f.catchUp(ctx, ids) && whole
		if whole {
			if err := f.Progress.Reached(ctx, upTo); err != nil {
				return err
			}
		}
		if upTo <= after {
			return nil
		}
		after = upTo
	}
	return nil
}

// catchUp tells whether it went well for all.
func (f *Follower) catchUp(ctx context.Context, ids []string) bool {
	var (
		failed atomic.Bool
		work   sync.WaitGroup
		places = make(chan struct{}, max(f.Concurrency, 1))
	)
	for _, id := range ids {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			if err := safely(func() error { return f.CatchUp(ctx, id) }); err != nil {
				failed.Store(true)
				if ctx.Err() == nil {
					f.Log.WarnContext(ctx, "catch up", "handler", f.Name, "id", id, "err", err)
				}
			}
		})
	}
	work.Wait()
	return !failed.Load()
}
