package estest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// Handler is something that follows streams and keeps a version of each.
type Handler struct {
	Progress es.Progress
	Category string                 // of the streams it follows; empty if it follows all
	Key      func(es.Stream) string // how it names a stream

	// See tells it that it has seen a stream's events up to a version.
	See func(ctx context.Context, s es.Stream, from, to es.Version) error
}

// HandlerOf returns a handler that keeps its progress in a store.
type HandlerOf func(Store) Handler

// TestProgress holds a store to what es.Progress promises.
func TestProgress(t *testing.T, open func(*testing.T) Store, of HandlerOf) {
	with := func(run func(*testing.T, Store, Handler)) func(*testing.T, Store) {
		return func(t *testing.T, s Store) { run(t, s, of(s)) }
	}
	try(t, open, []trial{
		{"has nothing to do while the feed is empty", with(idleProgress)},
		{"names a stream until all of it was seen", with(unseenStream)},
		{"names streams that look alike", with(idsApart)},
		{"looks no further than the limit and the end", with(stretches)},
		{"goes on where it has reached", with(reached)},
		{"moves no checkpoint without the lease", with(fencedProgress)},
		{"follows streams of its own category, or of all", with(categories)},
	})
}

// fed appends n records to the stream of each id and forwards them.
func fed(t *testing.T, s Store, n int, streams ...es.Stream) {
	t.Helper()
	lease := acquired(t, s, "relay", "a", time.Hour)
	for _, stream := range streams {
		appended(t, s, stream, es.Version(len(read(t, s, stream, 0))), n)
	}
	must(t, s.Forward(t.Context(), lease, pending(t, s, 1_000_000)))
}

func wantBehind(t *testing.T, h Handler, end es.Position, limit int, upTo es.Position, streams ...es.Stream) {
	t.Helper()
	after, err := h.Progress.Checkpoint(t.Context())
	must(t, err)
	keys, to, err := h.Progress.Behind(t.Context(), after, end, limit)
	must(t, err)
	slices.Sort(keys)
	var want []string
	for _, s := range streams {
		want = append(want, h.Key(s))
	}
	slices.Sort(want)
	if !slices.Equal(keys, want) || to != upTo {
		t.Fatalf("behind with %q as far as %d, want %q as far as %d", keys, to, want, upTo)
	}
}

func idleProgress(t *testing.T, s Store, h Handler) {
	appended(t, s, "order-1", 0, 1) // is not in the feed yet
	wantBehind(t, h, 0, 100, 0)
	wantBehind(t, h, 0, 100, 0)
}

func unseenStream(t *testing.T, s Store, h Handler) {
	fed(t, s, 3, "order-1", "order-2")
	wantBehind(t, h, 6, 100, 6, "order-1", "order-2")
	wantBehind(t, h, 6, 100, 6, "order-1", "order-2") // asking does not change the answer
	must(t, h.See(t.Context(), "order-1", 0, 2))
	wantBehind(t, h, 6, 100, 6, "order-1", "order-2")
	must(t, h.See(t.Context(), "order-1", 2, 3))
	wantBehind(t, h, 6, 100, 6, "order-2")
	must(t, h.See(t.Context(), "order-2", 0, 5)) // more than is in the feed
	wantBehind(t, h, 6, 100, 6)
	fed(t, s, 1, "order-1")
	wantBehind(t, h, 7, 100, 7, "order-1")
}

func idsApart(t *testing.T, s Store, h Handler) {
	streams := []es.Stream{"order-Abc-1", "order-aBC-1", "order-Abc-1 ", "order-a-b-c", "order-%", "order-é"}
	fed(t, s, 1, streams...)
	end := es.Position(len(streams))
	for i, stream := range streams {
		wantBehind(t, h, end, 100, end, streams[i:]...)
		must(t, h.See(t.Context(), stream, 0, 1))
	}
	wantBehind(t, h, end, 100, end)
}

func stretches(t *testing.T, s Store, h Handler) {
	fed(t, s, 2, "order-1", "order-2", "order-3")
	wantBehind(t, h, 6, 1, 1, "order-1")
	wantBehind(t, h, 6, 3, 3, "order-1", "order-2")
	wantBehind(t, h, 3, 100, 3, "order-1", "order-2")
	wantBehind(t, h, 4, 4, 4, "order-1", "order-2")
	// The first event of the stream is all that the stretch holds of it.
	must(t, h.See(t.Context(), "order-1", 0, 1))
	wantBehind(t, h, 1, 100, 1)
	wantBehind(t, h, 2, 100, 2, "order-1")
}

func reached(t *testing.T, s Store, h Handler) {
	fed(t, s, 2, "order-1", "order-2", "order-3")
	lease := acquired(t, s, "follow", "a", time.Hour)
	must(t, h.Progress.Reached(t.Context(), lease, 2))
	wantBehind(t, h, 6, 2, 4, "order-2")
	must(t, h.Progress.Reached(t.Context(), lease, 4))
	wantBehind(t, h, 6, 100, 6, "order-3")
	must(t, h.Progress.Reached(t.Context(), lease, 6))
	wantBehind(t, h, 6, 100, 6)
	wantBehind(t, h, 5, 100, 6) // an end that lies behind
	fed(t, s, 1, "order-1")
	wantBehind(t, h, 7, 100, 7, "order-1")
}

func fencedProgress(t *testing.T, s Store, h Handler) {
	fed(t, s, 1, "order-1", "order-2")
	slept := acquired(t, s, "follow", "a", short)
	must(t, h.Progress.Reached(t.Context(), slept, 1))
	lease := takenOver(t, s, "follow", "b", time.Hour)
	wantError(t, h.Progress.Reached(t.Context(), slept, 2), es.ErrFenced)
	wantBehind(t, h, 2, 100, 2, "order-2")
	must(t, h.Progress.Reached(t.Context(), lease, 2))
	wantBehind(t, h, 2, 100, 2)
}

func categories(t *testing.T, s Store, h Handler) {
	streams := []es.Stream{"order-1", "payment-2", "orders-3", "order4-4", "xorder-5", "ORDER-6", "Order-7"}
	fed(t, s, 1, streams...)
	if h.Category == "" {
		wantBehind(t, h, 7, 100, 7, streams...)
		must(t, h.See(t.Context(), "payment-2", 0, 1))
		streams = slices.Delete(streams, 1, 2)
		wantBehind(t, h, 7, 100, 7, streams...)
		return
	}
	own := es.StreamOf(h.Category, streams[0].ID())
	wantBehind(t, h, 7, 100, 7, own)
	must(t, h.See(t.Context(), own, 0, 1))
	wantBehind(t, h, 7, 100, 7)
}
