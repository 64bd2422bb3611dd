package estest

import (
	"crypto/rand"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// TestImports holds a store to what es.Imports promises.
func TestImports(t *testing.T, open func(*testing.T) Store) {
	try(t, open, []trial{
		{"takes records over as they are, for the feed too", takesOver},
		{"passes over what it has, in whole and in part", takesOnce},
		{"passes over what comes after a gap", takesNoGaps},
		{"takes several streams at once, in any order", takesMany},
		{"refuses another history of a stream and keeps nothing of it", refusesForks},
		{"holds each record once when 16 import it at once", takesAtOnce},
		{"imports on 64 streams though a neighbour is refused", takesBesideForks},
		{"says how far streams go", tellsVersions},
	})
}

// foreign are the first n records of a new stream of another store.
func foreign(n int) []es.Record {
	rs := records(newStream(), 0, n, "c")
	for i := range rs {
		rs[i].Metadata.Origin = "another store"
	}
	return rs
}

// imported imports records and wants their stream to go so far then.
func imported(t *testing.T, s Store, rs []es.Record, want es.Version) {
	t.Helper()
	reached, err := s.Import(t.Context(), rs)
	must(t, err)
	if got := reached[rs[0].Stream]; got != want || len(reached) != 1 {
		t.Fatalf("the stream goes up to %v, want %d", reached, want)
	}
}

// wantImports asks for runs of imported records in the outbox, in their order, and then
// forwards them.
func wantImports(t *testing.T, s Store, runs ...[]es.Record) {
	t.Helper()
	entries := pending(t, s, 1_000_000)
	if len(entries) != len(runs) {
		t.Fatalf("%d entries wait in the outbox, want %d", len(entries), len(runs))
	}
	for i, p := range entries {
		wantRecords(t, p.Records, runs[i])
	}
	must(t, s.Forward(t.Context(), acquired(t, s, "relay", "a", time.Hour), entries))
	wantFeed(t, s, slices.Concat(runs...))
}

func takesOver(t *testing.T, s Store) {
	rs := foreign(4)
	rs[1].Data, rs[2].Schema = []byte("{\n \"spaced\": \"<out>\"}"), 9
	rs[3].Metadata = es.Metadata{CommandID: "c-1", Actor: "ann", Origin: "another store"}
	imported(t, s, rs[:3], 3)
	imported(t, s, rs[3:], 4)
	wantRecords(t, read(t, s, rs[0].Stream, 0), rs)
	wantImports(t, s, rs[:3], rs[3:])
}

func takesOnce(t *testing.T, s Store) {
	rs := foreign(6)
	imported(t, s, rs[:3], 3)
	imported(t, s, rs[:3], 3)
	imported(t, s, rs[1:2], 3)
	imported(t, s, rs[:5], 5)
	imported(t, s, rs[2:], 6)
	wantRecords(t, read(t, s, rs[0].Stream, 0), rs)
	wantImports(t, s, rs[:3], rs[3:5], rs[5:])
}

func takesNoGaps(t *testing.T, s Store) {
	rs := foreign(6)
	imported(t, s, rs[2:], 0)
	imported(t, s, rs[:1], 1)
	imported(t, s, slices.Concat(rs[1:2], rs[3:]), 2)
	wantRecords(t, read(t, s, rs[0].Stream, 0), rs[:2])
	wantImports(t, s, rs[:1], rs[1:2])
}

func takesMany(t *testing.T, s Store) {
	var all []es.Record
	want := map[es.Stream]es.Version{}
	for n := range 300 {
		rs := foreign(n%3 + 1)
		slices.Reverse(rs)
		all = append(all, rs...)
		want[rs[0].Stream] = es.Version(n%3 + 1)
	}
	for range 2 {
		reached, err := s.Import(t.Context(), all)
		must(t, err)
		if !maps.Equal(reached, want) {
			t.Fatalf("the streams go up to %v, want %v", reached, want)
		}
	}
	entries := pending(t, s, 1_000_000)
	if len(entries) != len(want) {
		t.Fatalf("%d entries wait in the outbox, want %d", len(entries), len(want))
	}
	for _, p := range entries {
		wantRecords(t, p.Records, read(t, s, p.Records[0].Stream, 0))
	}
}

func refusesForks(t *testing.T, s Store) {
	refused := func(rs ...es.Record) {
		t.Helper()
		_, err := s.Import(t.Context(), rs)
		wantError(t, err, es.ErrForked)
	}
	own := appended(t, s, newStream(), 0, 2)
	next := records(own.Stream, 2, 1, "c")[0]
	next.Metadata.Origin = "another store"
	refused(next)
	same := own.Records[1]
	same.Metadata.Origin = "another store"
	refused(same)
	wantRecords(t, read(t, s, own.Stream, 0), own.Records)

	rs := foreign(3)
	imported(t, s, rs[:2], 2)
	other := slices.Clone(rs)
	other[1].ID = rand.Text()
	refused(other...)
	refused(other[1])
	third := rs[2]
	third.Metadata.Origin = "a third store"
	refused(third)
	wantRecords(t, read(t, s, rs[0].Stream, 0), rs[:2])
	imported(t, s, rs, 3)
}

func takesAtOnce(t *testing.T, s Store) {
	const importers, length = 16, 40
	rs := foreign(length)
	for _, err := range together(importers, func(i int) error {
		for from := 0; from < length; {
			n := 1 + (i+from)%7 // so that they overlap in all ways
			reached, err := s.Import(t.Context(), rs[from:min(from+n, length)])
			if err != nil {
				return err
			}
			from = min(int(reached[rs[0].Stream]), from+n)
		}
		return nil
	}) {
		must(t, err)
	}
	wantRecords(t, read(t, s, rs[0].Stream, 0), rs)
	var waiting []es.Record
	for _, p := range pending(t, s, 1_000_000) {
		waiting = append(waiting, p.Records...)
	}
	slices.SortFunc(waiting, func(a, b es.Record) int { return int(a.Version - b.Version) })
	wantRecords(t, waiting, rs)
}

func takesBesideForks(t *testing.T, s Store) {
	own := appended(t, s, newStream(), 0, 1)
	fork := records(own.Stream, 0, 1, "c")
	fork[0].Metadata.Origin = "another store"
	const neighbours = 64
	runs := make([][]es.Record, neighbours)
	for i := range runs {
		runs[i] = foreign(3)
	}
	errs := together(neighbours+1, func(i int) error {
		rs := fork
		if i < neighbours {
			rs = runs[i]
		}
		_, err := s.Import(t.Context(), rs)
		return err
	})
	wantError(t, errs[neighbours], es.ErrForked)
	for i, rs := range runs {
		must(t, errs[i])
		wantRecords(t, read(t, s, rs[0].Stream, 0), rs)
	}
}

func tellsVersions(t *testing.T, s Store) {
	want := map[es.Stream]es.Version{}
	asked := []es.Stream{"order-of nobody", newStream()}
	for n := range 300 {
		stream := appended(t, s, newStream(), 0, n%2+1).Stream
		want[stream] = es.Version(n%2 + 1)
		asked = append(asked, stream)
	}
	rs := foreign(5)
	imported(t, s, rs, 5)
	want[rs[0].Stream], asked = 5, append(asked, rs[0].Stream)
	got, err := s.Versions(t.Context(), asked)
	must(t, err)
	if !maps.Equal(got, want) {
		t.Errorf("the streams go up to %v, want %v", got, want)
	}
	if none, err := s.Versions(t.Context(), nil); err != nil || len(none) > 0 {
		t.Errorf("no streams go up to %v, %v", none, err)
	}
}

// TestMirrors holds a store to what es.Mirrors promises.
func TestMirrors(t *testing.T, open func(*testing.T) Store) {
	try(t, open, []trial{
		{"keeps a position per handler and store", mirrorPositions},
		{"lets one of many move a position", mirrorOnce},
		{"tells what its feed holds, piece by piece", tellsStretches},
		{"tells nothing of what other stores have made", tellsItsOwn},
	})
}

func wantMirrored(t *testing.T, s Store, handler string, want map[string]es.Position) {
	t.Helper()
	got, err := s.Mirrored(t.Context(), handler)
	must(t, err)
	if !maps.Equal(got, want) {
		t.Fatalf("%s has %v, want %v", handler, got, want)
	}
}

func mirrorPositions(t *testing.T, s Store) {
	wantMirrored(t, s, "checkout", nil)
	must(t, s.MoveMirror(t.Context(), "checkout", "a", 0, 7))
	must(t, s.MoveMirror(t.Context(), "checkout", "b", 0, 2))
	must(t, s.MoveMirror(t.Context(), "payments", "a", 0, 1))
	must(t, s.MoveMirror(t.Context(), "checkout", "a", 7, 9))
	wantError(t, s.MoveMirror(t.Context(), "checkout", "a", 7, 8), es.ErrConflict)
	wantError(t, s.MoveMirror(t.Context(), "checkout", "c", 7, 8), es.ErrConflict)
	wantMirrored(t, s, "checkout", map[string]es.Position{"a": 9, "b": 2})
	wantMirrored(t, s, "payments", map[string]es.Position{"a": 1})
	must(t, s.MoveMirror(t.Context(), "checkout", "a", 9, 0)) // begins again
	must(t, s.MoveMirror(t.Context(), "checkout", "a", 0, 3))
	wantMirrored(t, s, "checkout", map[string]es.Position{"a": 3, "b": 2})
}

func mirrorOnce(t *testing.T, s Store) {
	for at := es.Position(0); at < 30; at += 10 {
		winner(t, together(16, func(i int) error {
			return s.MoveMirror(t.Context(), "checkout", "a", at, at+10)
		}), es.ErrConflict)
		wantMirrored(t, s, "checkout", map[string]es.Position{"a": at + 10})
	}
}

func wantStretch(t *testing.T, s Store, types []string, after es.Position, limit int, want es.Stretch) {
	t.Helper()
	got, err := s.Stretch(t.Context(), types, after, limit)
	must(t, err)
	if got.UpTo != want.UpTo || got.Head != want.Head || !maps.Equal(got.Streams, want.Streams) {
		t.Fatalf("after %d there is %+v, want %+v", after, got, want)
	}
}

func tellsStretches(t *testing.T, s Store) {
	wantStretch(t, s, nil, 0, 10, es.Stretch{})
	a, b := newStream(), newStream()
	fed(t, s, 2, a)
	fed(t, s, 3, b)
	last := change(t, s, a, 2, 1)
	last.Records[0].Type = "order.rare"
	must(t, s.Append(t.Context(), last))
	must(t, s.Forward(t.Context(), acquired(t, s, "relay", "a", time.Hour), pending(t, s, 1_000_000)))

	both := es.Stretch{UpTo: 6, Head: 6, Streams: map[es.Stream]es.Version{a: 3, b: 3}}
	wantStretch(t, s, nil, 0, 10, both)
	wantStretch(t, s, []string{"order.tested", "order.rare"}, 0, 6, both)
	wantStretch(t, s, []string{"order.rare"}, 0, 10, es.Stretch{UpTo: 6, Head: 6, Streams: map[es.Stream]es.Version{a: 3}})
	wantStretch(t, s, []string{"order.other"}, 0, 10, es.Stretch{UpTo: 6, Head: 6})
	wantStretch(t, s, nil, 0, 3, es.Stretch{UpTo: 3, Head: 6, Streams: map[es.Stream]es.Version{a: 2, b: 1}})
	wantStretch(t, s, nil, 3, 2, es.Stretch{UpTo: 5, Head: 6, Streams: map[es.Stream]es.Version{b: 3}})
	wantStretch(t, s, []string{"order.rare"}, 2, 1, es.Stretch{UpTo: 6, Head: 6, Streams: map[es.Stream]es.Version{a: 3}})
	wantStretch(t, s, nil, 6, 10, es.Stretch{UpTo: 6, Head: 6})
	wantStretch(t, s, nil, 99, 10, es.Stretch{UpTo: 6, Head: 6})
}

func tellsItsOwn(t *testing.T, s Store) {
	own := newStream()
	fed(t, s, 2, own)
	imported(t, s, foreign(3), 3)
	must(t, s.Forward(t.Context(), acquired(t, s, "relay", "a", time.Hour), pending(t, s, 1_000_000)))
	wantStretch(t, s, nil, 0, 10, es.Stretch{UpTo: 5, Head: 5, Streams: map[es.Stream]es.Version{own: 2}})
}
