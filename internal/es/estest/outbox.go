package estest

import (
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// TestOutboxAndFeed holds a store to what es.Outbox and es.Feed promise.
func TestOutboxAndFeed(t *testing.T, open func(*testing.T) Store) {
	try(t, open, []trial{
		{"holds appends whole, the oldest first", pendingInOrder},
		{"gives about as many records as asked for", pendingLimit},
		{"numbers the feed without gaps from 1", feedNumbers},
		{"moves nothing twice", forwardTwice},
		{"moves nothing twice when it is forwarded by many at once", forwardAtOnce},
		{"forwards what is chosen and keeps the rest", forwardSome},
		{"moves nothing without the lease", forwardFenced},
		{"gives the feed in pages", feedPages},
		{"has every record in the feed once, however many append meanwhile", feedComplete},
	})
}

// wantFeed asks for exactly these records in the feed, numbered from 1.
func wantFeed(t *testing.T, f es.Feed, want []es.Record) {
	t.Helper()
	got, err := f.Feed(t.Context(), 0, 1_000_000)
	must(t, err)
	wantRecords(t, placed(t, got, 0), want)
	head, err := f.Head(t.Context())
	must(t, err)
	if head != es.Position(len(want)) {
		t.Fatalf("the feed's head is %d, want %d", head, len(want))
	}
}

// placed returns the records of a stretch of the feed, whose positions must
// continue those before it.
func placed(t *testing.T, stretch []es.FeedRecord, after es.Position) []es.Record {
	t.Helper()
	var rs []es.Record
	for i, f := range stretch {
		if want := after + es.Position(i) + 1; f.Position != want {
			t.Fatalf("a record has position %d, want %d", f.Position, want)
		}
		rs = append(rs, f.Record)
	}
	return rs
}

func pending(t *testing.T, o es.Outbox, limit int) []es.Pending {
	t.Helper()
	entries, err := o.Pending(t.Context(), limit)
	must(t, err)
	return entries
}

func flatten(appends ...es.Append) []es.Record {
	var rs []es.Record
	for _, a := range appends {
		rs = append(rs, a.Records...)
	}
	return rs
}

func pendingInOrder(t *testing.T, s Store) {
	if got := pending(t, s, 10); len(got) > 0 {
		t.Fatalf("the outbox of an empty store holds %+v", got)
	}
	a, b := newStream(), newStream()
	if a < b {
		a, b = b, a // so that the order of the names is not that of the appends
	}
	appends := []es.Append{
		appended(t, s, a, 0, 2), appended(t, s, b, 0, 11), appended(t, s, a, 2, 3), appended(t, s, b, 11, 1),
	}
	appended(t, s, b, 12, 0) // adds nothing
	got := pending(t, s, 1000)
	if len(got) != len(appends) {
		t.Fatalf("%d appends wait, want %d", len(got), len(appends))
	}
	for i, p := range got {
		wantRecords(t, p.Records, appends[i].Records)
		if i > 0 && p.Seq <= got[i-1].Seq {
			t.Fatalf("entry %d has place %d, after %d", i, p.Seq, got[i-1].Seq)
		}
	}
	for limit := 1; limit < 20; limit++ {
		for i, p := range pending(t, s, limit) {
			wantRecords(t, p.Records, appends[i].Records)
		}
	}
}

func pendingLimit(t *testing.T, s Store) {
	for range 10 {
		appended(t, s, newStream(), 0, 100)
	}
	for _, limit := range []int{1, 100, 250} {
		n := 0
		for _, p := range pending(t, s, limit) {
			n += len(p.Records)
		}
		if n < 100 || n > limit+100 { // the append that reaches the limit is given whole
			t.Errorf("asked for about %d records, got %d", limit, n)
		}
	}
}

func feedNumbers(t *testing.T, s Store) {
	wantFeed(t, s, nil)
	lease := acquired(t, s, "relay", "a", time.Hour)
	var all []es.Record
	for range 3 {
		stream := newStream()
		all = append(all, flatten(appended(t, s, stream, 0, 3), appended(t, s, newStream(), 0, 20), appended(t, s, stream, 3, 1))...)
		must(t, s.Forward(t.Context(), lease, pending(t, s, 1000)))
		wantOutbox(t, s)
		wantFeed(t, s, all)
	}
	must(t, s.Forward(t.Context(), lease, nil))
	wantFeed(t, s, all)
}

func forwardTwice(t *testing.T, s Store) {
	lease := acquired(t, s, "relay", "a", time.Hour)
	first := []es.Append{appended(t, s, newStream(), 0, 2), appended(t, s, newStream(), 0, 1)}
	entries := pending(t, s, 1000)
	for range 3 {
		must(t, s.Forward(t.Context(), lease, entries))
		wantFeed(t, s, flatten(first...))
	}
	second := appended(t, s, first[0].Stream, 2, 2)
	must(t, s.Forward(t.Context(), lease, append(entries, pending(t, s, 1000)...)))
	wantFeed(t, s, flatten(append(first, second)...))
	wantOutbox(t, s)
}

func forwardAtOnce(t *testing.T, s Store) {
	lease := acquired(t, s, "relay", "a", time.Hour)
	var all []es.Append
	for range 10 {
		all = append(all, appended(t, s, newStream(), 0, 3))
	}
	entries := pending(t, s, 1000)
	must(t, errors.Join(together(16, func(int) error { return s.Forward(t.Context(), lease, entries) })...))
	wantFeed(t, s, flatten(all...))
	wantOutbox(t, s)
}

func forwardSome(t *testing.T, s Store) {
	lease := acquired(t, s, "relay", "a", time.Hour)
	a, b, c := appended(t, s, newStream(), 0, 2), appended(t, s, newStream(), 0, 2), appended(t, s, newStream(), 0, 2)
	entries := pending(t, s, 1000)
	must(t, s.Forward(t.Context(), lease, entries[1:2]))
	wantFeed(t, s, b.Records)
	wantOutbox(t, s, a, c)
	must(t, s.Forward(t.Context(), lease, pending(t, s, 1000)))
	wantFeed(t, s, flatten(b, a, c))
}

func forwardFenced(t *testing.T, s Store) {
	a := appended(t, s, newStream(), 0, 2)
	entries := pending(t, s, 10)
	wantError(t, s.Forward(t.Context(), es.Lease{Name: "relay", Holder: "a", Epoch: 1}, entries), es.ErrFenced)
	lease := acquired(t, s, "relay", "a", time.Hour)
	for _, wrong := range []es.Lease{
		{Name: "timers", Holder: lease.Holder, Epoch: lease.Epoch},
		{Name: lease.Name, Holder: "b", Epoch: lease.Epoch},
		{Name: lease.Name, Holder: lease.Holder, Epoch: lease.Epoch - 1},
	} {
		wantError(t, s.Forward(t.Context(), wrong, entries), es.ErrFenced)
		wantFeed(t, s, nil)
		wantOutbox(t, s, a)
	}
}

func feedPages(t *testing.T, s Store) {
	lease := acquired(t, s, "relay", "a", time.Hour)
	stream := newStream()
	all := flatten(appended(t, s, stream, 0, 10), appended(t, s, newStream(), 0, 10), appended(t, s, stream, 10, 3))
	must(t, s.Forward(t.Context(), lease, pending(t, s, 1000)))
	for _, limit := range []int{1, 4, 23, 100} {
		for after := range es.Position(25) {
			page, err := s.Feed(t.Context(), after, limit)
			must(t, err)
			from := min(int(after), len(all))
			wantRecords(t, placed(t, page, after), all[from:min(from+limit, len(all))])
		}
	}
	page, err := s.Feed(t.Context(), math.MaxInt64, 10)
	must(t, err)
	wantRecords(t, placed(t, page, 0), nil)
}

func feedComplete(t *testing.T, s Store) {
	const writers, appends = 64, 6
	lease := acquired(t, s, "relay", "a", time.Hour)
	asleep := lease
	asleep.Epoch--
	want := make([][]es.Record, writers)
	written := make(chan struct{})
	go func() {
		defer close(written)
		must := func(err error) {
			if err != nil {
				t.Error(err)
			}
		}
		must(errors.Join(together(writers, func(i int) error {
			stream, version := newStream(), es.Version(0)
			for n := range appends {
				add := records(stream, version, 1+(i+n)%3, "")
				version += es.Version(len(add))
				want[i] = append(want[i], add...)
				o := succeeded(rand.Text(), version)
				if err := s.Append(t.Context(), es.Append{Stream: stream, Expected: version - es.Version(len(add)), Records: add, Outcome: o}); err != nil {
					return err
				}
			}
			return nil
		})...))
	}()
	for open := true; open || len(pending(t, s, 1)) > 0; {
		select {
		case <-written:
			open = false
		default:
		}
		entries := pending(t, s, 20)
		errs := together(3, func(i int) error { // twice, and by somebody who slept through it
			return s.Forward(t.Context(), []es.Lease{lease, lease, asleep}[i], entries)
		})
		must(t, errors.Join(errs[:2]...))
		wantError(t, errs[2], es.ErrFenced)
	}

	feed, err := s.Feed(t.Context(), 0, 1_000_000)
	must(t, err)
	byStream := map[es.Stream][]es.Record{}
	for _, r := range placed(t, feed, 0) {
		byStream[r.Stream] = append(byStream[r.Stream], r)
	}
	for _, rs := range want {
		wantRecords(t, byStream[rs[0].Stream], rs)
	}
	if all := slices.Concat(want...); len(feed) != len(all) {
		t.Fatalf("the feed holds %d records, want %d", len(feed), len(all))
	}
}
