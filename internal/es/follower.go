package es

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Progress knows how far a projection or a process has got with the feed.
type Progress interface {
	// Behind looks at the next stretch of the feed after the checkpoint, at most
	// limit positions and not beyond end. It returns the ids of aggregates of
	// which not every event in it has been seen, and where the stretch ends.
	Behind(ctx context.Context, end Position, limit int) (ids []string, upTo Position, err error)

	// Reached moves the checkpoint.
	Reached(context.Context, Position) error
}

// Follower sees to it that nothing stays unseen when the broker loses a message:
// it compares what a projection or process has seen with the feed, and lets it
// catch up. Messages make handlers quick; the follower makes them complete.
type Follower struct {
	Name     string
	Progress Progress
	Feed     Feed
	CatchUp  func(ctx context.Context, id string) error
	Every    time.Duration // how long events may take to be seen by way of a message
	Log      *slog.Logger
}

// Run compares at the start, and then time and again until ctx is done.
func (f *Follower) Run(ctx context.Context) error {
	reached := Position(-1) // not known yet
	end, err := f.Feed.Head(ctx)
	for {
		if err == nil {
			reached, err = f.sweep(ctx, reached, end)
		}
		if err != nil && ctx.Err() == nil {
			f.Log.WarnContext(ctx, "catch up with the feed", "handler", f.Name, "err", err)
		}
		end, err = f.Feed.Head(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.Every):
		}
	}
}

// sweep catches up with the feed as far as end, and returns how far it came.
func (f *Follower) sweep(ctx context.Context, reached, end Position) (Position, error) {
	const stretch = 2_000
	for reached < end {
		ids, upTo, err := f.Progress.Behind(ctx, end, stretch)
		if err != nil {
			return reached, err
		}
		for _, id := range ids {
			if err := f.CatchUp(ctx, id); err != nil {
				return reached, fmt.Errorf("catch up with %s: %w", id, err)
			}
		}
		if upTo <= reached {
			return reached, nil
		}
		if err := f.Progress.Reached(ctx, upTo); err != nil {
			return reached, err
		}
		reached = upTo
	}
	return reached, nil
}
