package query

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// ErrBehind says that the view did not see a write in time.
var ErrBehind = errors.New("the view has not come that far")

// Freshness lets readers wait for their own writes.
type Freshness struct {
	Orders  Orders
	Seen    *es.Notices[es.Version] // posted by whoever updates the view in this process
	Poll    time.Duration           // how often to look when nobody tells
	Timeout time.Duration           // how long to wait before ErrBehind
}

// Wait returns once the view has seen an order at a version.
func (f *Freshness) Wait(ctx context.Context, id order.ID, version es.Version) error {
	news, stop := f.Seen.Watch(string(id))
	defer stop()
	enough := time.NewTimer(f.Timeout)
	defer enough.Stop()
	look := time.NewTicker(f.Poll)
	defer look.Stop()
	for {
		seen, err := f.Orders.Seen(ctx, id)
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
