package estest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// TestStore holds a store to what es.Store promises.
func TestStore(t *testing.T, open func(*testing.T) Store) {
	try(t, open, []trial{
		{"reads back what was appended, in order", readsBack},
		{"reads nothing from a stream that is not there", readsNothing},
		{"tells keys apart that look alike", keysApart},
		{"refuses an append that is stale and keeps nothing of it", refusesStale},
		{"refuses an append beyond the end and keeps nothing of it", refusesBeyond},
		{"refuses an append of a decided command and keeps nothing of it", refusesDecided},
		{"answers a repeated append with decided, though it is stale too", refusesRepeated},
		{"refuses a command whose own append has moved its stream", refusesWhatMovedItsStream},
		{"records an outcome without records", outcomeAlone},
		{"writes nothing when the context is done", cancelledAppend},
		{"lets one of 16 writers win each version of a stream", oneWinner},
		{"keeps writers on 64 streams from harm by refused neighbours", noHarm},
		{"reads 10,000 records whole, in part and half-way", longStream},
		{"keeps large payloads", largePayloads},
		{"stops reading when the context is done", cancelledRead},
		{"serves others while 64 readers pause", pausedReaders},
	})
}

func readsBack(t *testing.T, s Store) {
	stream := newStream()
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	want := records(stream, 0, 6, "c")
	want[0].Data = everyByte
	want[1].Data = []byte("{\"text\": \"Crème brûlée 🍮 \\u0000 ' \\\" ; --\"}\n")
	want[2].Data = []byte{}
	want[3].Schema, want[3].Type = 7, "order.Ünusual type"
	want[3].Metadata = es.Metadata{
		CommandID: "c-1", CorrelationID: "c-2", CausationID: "c-3",
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Actor: "o'Brien <ø@example.com> \"\\", Origin: "another store",
	}
	want[4].Metadata = es.Metadata{}
	want[4].OccurredAt = time.Date(1969, time.December, 31, 23, 59, 59, 999999000, time.UTC)
	want[5].OccurredAt = time.Date(2262, time.January, 1, 0, 0, 0, 1000, time.UTC)
	for _, cut := range [][2]int{{0, 2}, {2, 3}, {3, 6}} {
		a := change(t, s, stream, es.Version(cut[0]), 0)
		a.Records = want[cut[0]:cut[1]]
		must(t, s.Append(t.Context(), a))
	}
	appended(t, s, newStream(), 0, 3) // is no business of the stream

	for after := range 7 {
		wantRecords(t, read(t, s, stream, es.Version(after)), want[after:])
	}
	wantRecords(t, read(t, s, stream, 1000), nil)
}

func readsNothing(t *testing.T, s Store) {
	appended(t, s, "order-1", 0, 1)
	for _, stream := range []es.Stream{"", "order-", "order-2", "order-11", "order-%", "order-_"} {
		wantRecords(t, read(t, s, stream, 0), nil)
	}
}

func keysApart(t *testing.T, s Store) {
	keys := []string{"Abc-1", "aBC-1", "Abc-1 ", "Abc-1\t", "Ábc-1", "A\u0301bc-1", "Abc-1\x00", "Abc-１"}
	var appends []es.Append
	for _, k := range keys {
		if _, known, err := s.Accept(t.Context(), envelope(k)); err != nil || known {
			t.Fatalf("accept %q: known %v, error %v", k, known, err)
		}
		stream := es.StreamOf("order", k)
		appends = append(appends, es.Append{Stream: stream, Records: records(stream, 0, 1, k), Outcome: succeeded(k, 1)})
	}
	for i, err := range together(len(keys), func(i int) error { return s.Append(t.Context(), appends[i]) }) {
		if err != nil {
			t.Fatalf("append to %q: %v", appends[i].Stream, err)
		}
	}
	for _, a := range appends {
		wantRecords(t, read(t, s, a.Stream, 0), a.Records)
		wantOutcome(t, s, a.Outcome)
	}
}

// wantRefused makes an append that must change nothing, on a stream that holds
// what was appended to it before.
func wantRefused(t *testing.T, s Store, a es.Append, want error, before ...es.Append) {
	t.Helper()
	wantError(t, s.Append(t.Context(), a), want)
	var kept []es.Record
	for _, b := range before {
		kept = append(kept, b.Records...)
	}
	wantRecords(t, read(t, s, a.Stream, 0), kept)
	wantOutbox(t, s, before...)
}

func refusesStale(t *testing.T, s Store) {
	first := appended(t, s, newStream(), 0, 3)
	for expected := range es.Version(3) {
		stale := change(t, s, first.Stream, expected, 2)
		wantRefused(t, s, stale, es.ErrConflict, first)
		wantPending(t, s, stale.Outcome.CommandID)
	}
	empty := change(t, s, first.Stream, 2, 0)
	wantRefused(t, s, empty, es.ErrConflict, first)
	wantPending(t, s, empty.Outcome.CommandID)
}

func refusesBeyond(t *testing.T, s Store) {
	first := appended(t, s, newStream(), 0, 1)
	beyond := change(t, s, first.Stream, 2, 1)
	wantRefused(t, s, beyond, es.ErrConflict, first)
	wantPending(t, s, beyond.Outcome.CommandID)

	nowhere := change(t, s, newStream(), 1, 1)
	wantError(t, s.Append(t.Context(), nowhere), es.ErrConflict)
	wantRecords(t, read(t, s, nowhere.Stream, 0), nil)
	wantOutbox(t, s, first)
}

func refusesDecided(t *testing.T, s Store) {
	first := appended(t, s, newStream(), 0, 1)
	late := change(t, s, first.Stream, 1, 2)
	rejected := late.Outcome
	rejected.Status, rejected.Version = es.StatusRejected, 1
	rejected.Problem = &es.Problem{Code: "cart_frozen", Detail: "the cart is frozen"}
	must(t, s.Finish(t.Context(), rejected))
	wantRefused(t, s, late, es.ErrDecided, first)
	wantOutcome(t, s, rejected)
}

func refusesRepeated(t *testing.T, s Store) {
	first := appended(t, s, newStream(), 0, 1)
	wantRefused(t, s, first, es.ErrDecided, first)
	second := appended(t, s, first.Stream, 1, 2)
	wantRefused(t, s, first, es.ErrDecided, first, second)
	wantOutcome(t, s, first.Outcome)

	// A command is one command, whichever stream it is tried on.
	elsewhere := newStream()
	astray := es.Append{Stream: elsewhere, Records: records(elsewhere, 0, 1, ""), Outcome: first.Outcome}
	wantError(t, s.Append(t.Context(), astray), es.ErrDecided)
	wantRecords(t, read(t, s, elsewhere, 0), nil)
}

// A store that has seen nothing odd yet may assume that a command is new. That its
// stream has moved on need not be by another one.
func refusesWhatMovedItsStream(t *testing.T, s Store) {
	first := appended(t, s, newStream(), 0, 1)
	second := appended(t, s, first.Stream, 1, 2)
	wantRefused(t, s, second, es.ErrDecided, first, second)
}

func outcomeAlone(t *testing.T, s Store) {
	first := appended(t, s, newStream(), 0, 2)
	wantOutcome(t, s, first.Outcome)
	nothing := change(t, s, first.Stream, 2, 0)
	must(t, s.Append(t.Context(), nothing))
	wantOutcome(t, s, nothing.Outcome)
	wantRefused(t, s, nothing, es.ErrDecided, first)
	if left := unfinished(t, s, 10); len(left) > 0 {
		t.Fatalf("%v are unfinished, want none", left)
	}
}

func cancelledAppend(t *testing.T, s Store) {
	a := change(t, s, newStream(), 0, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // often, since a select takes its pick
		wantError(t, s.Append(ctx, a), context.Canceled)
	}
	wantRecords(t, read(t, s, a.Stream, 0), nil)
	wantOutbox(t, s)
	wantPending(t, s, a.Outcome.CommandID)
}

func cancelledRead(t *testing.T, s Store) {
	const length = 3_000
	a := appended(t, s, newStream(), 0, length)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, stopped := 0, error(nil)
	for _, err := range s.Read(ctx, a.Stream, 0) {
		if stopped != nil {
			t.Fatalf("the read goes on after %v", stopped)
		}
		if stopped = err; err == nil {
			seen++
		}
		if seen == 10 {
			cancel()
		}
	}
	wantError(t, stopped, context.Canceled)
	if seen == length {
		t.Fatal("all was read before the error")
	}
	for _, err := range s.Read(ctx, a.Stream, 0) {
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("a read that starts too late says %v", err)
		}
	}
}
