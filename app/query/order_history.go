package query

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// History answers questions from the events of orders, which know every version
// there ever was.
type History struct {
	Category string
	Store    es.Store
	Codec    *es.Codec[order.Event]
}

// AtVersion returns an order as it was at a version. It returns ErrNotFound, or
// ErrNoSuchVersion when the order has not come that far.
func (h *History) AtVersion(ctx context.Context, id order.ID, version es.Version) (OrderRow, error) {
	row, err := h.fold(ctx, id, func(r es.Record) bool { return r.Version <= version })
	if err == nil && row.Version < version {
		return OrderRow{}, fmt.Errorf("%w: it is at %d", ErrNoSuchVersion, row.Version)
	}
	return row, err
}

// AsOf returns an order as it was at a time. It returns ErrNotFound, or
// ErrNoSuchVersion when the order did not exist yet.
func (h *History) AsOf(ctx context.Context, id order.ID, t time.Time) (OrderRow, error) {
	return h.fold(ctx, id, func(r es.Record) bool { return !r.OccurredAt.After(t) })
}

func (h *History) fold(ctx context.Context, id order.ID, include func(es.Record) bool) (OrderRow, error) {
	past, exists, err := foldPast[Order](ctx, h.Store, h.Codec, es.StreamOf(h.Category, string(id)), include)
	switch {
	case err != nil:
		return OrderRow{}, fmt.Errorf("read order %s: %w", id, err)
	case !exists:
		return OrderRow{}, ErrNotFound
	case past.Version == 0:
		return OrderRow{}, fmt.Errorf("%w: it did not exist then", ErrNoSuchVersion)
	}
	return OrderRow{ID: id, Version: past.Version, Order: past.State}, nil
}

// foldPast folds the first events of a stream into a view, as many as are to be
// included, and tells whether the stream exists.
func foldPast[V es.Folded[V, E], E es.Event](
	ctx context.Context, store es.Store, codec *es.Codec[E], s es.Stream, include func(es.Record) bool,
) (past es.Seen[V], exists bool, err error) {
	for r, err := range store.Read(ctx, s, 0) {
		if err != nil {
			return es.Seen[V]{}, false, err
		}
		exists = true
		if !include(r) {
			break
		}
		e, err := es.DecodeRecord(codec, r)
		if err != nil {
			return es.Seen[V]{}, false, err
		}
		past = es.Seen[V]{State: past.State.Evolve(e), Version: r.Version}
	}
	return past, exists, nil
}

// Events returns at most limit of an order's events after a version, oldest
// first. It returns ErrNotFound when there is no such order.
func (h *History) Events(ctx context.Context, id order.ID, after es.Version, limit int) ([]es.Record, error) {
	var records []es.Record
	for r, err := range h.Store.Read(ctx, es.StreamOf(h.Category, string(id)), after) {
		if err != nil {
			return nil, fmt.Errorf("read order %s: %w", id, err)
		}
		records = append(records, r)
		if len(records) == limit {
			break
		}
	}
	if len(records) > 0 {
		return records, nil
	}
	for _, err := range h.Store.Read(ctx, es.StreamOf(h.Category, string(id)), 0) {
		return nil, err // there is an order; it has not come that far
	}
	return nil, ErrNotFound
}
