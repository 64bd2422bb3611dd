package query

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// ErrBehind says that the view did not see a write in time.
var ErrBehind = errors.New("the view has not come that far")

// Views tells how far the views have come with the streams that they follow.
type Views interface {
	// Seen returns the version of a stream that its view has seen, 0 for none.
	Seen(context.Context, es.Stream) (es.Version, error)
}

// Freshness lets readers wait for their own writes.
type Freshness struct {
	Views   Views
	Seen    *es.Notices[es.Version] // by stream, posted by whoever updates the views in this process
	Poll    time.Duration           // how often to look when nobody tells
	Timeout time.Duration           // how long to wait before ErrBehind
}

// Wait returns once the view of a stream has seen it at a version.
func (f *Freshness) Wait(ctx context.Context, stream es.Stream, version es.Version) error {
	news, stop := f.Seen.Watch(string(stream))
	defer stop()
	enough := time.NewTimer(f.Timeout)
	defer enough.Stop()
	look := time.NewTicker(f.Poll)
	defer look.Stop()
	for {
		seen, err := f.Views.Seen(ctx, stream)
		if err != nil || seen >= version {
			return err
		}
		select {
		case <-news:
		case <-look.C:
		case <-enough.C:
			return ErrBehind
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
