// Package estest is what every store has to pass, whatever database it keeps its
// records in. A suite is called with a function that opens an empty store, which
// it does once per case:
//
//	func TestSQLite(t *testing.T) {
//		open := func(t *testing.T) estest.Store { return openSQLite(t) }
//		t.Run("store", func(t *testing.T) { estest.TestStore(t, open) })
//		t.Run("journal", func(t *testing.T) { estest.TestJournal(t, open) })
//	}
//
// The cases run in parallel and use real concurrency, because what a store gets
// wrong it gets wrong under load.
package estest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// Store is a store with everything that belongs into its transactions.
type Store interface {
	es.Store
	es.Journal
	es.Outbox
	es.Feed
	es.Leases
	es.Imports
	es.Hearsay
	es.Mirrors
}

// trial is one case of a suite.
type trial struct {
	name string
	run  func(*testing.T, Store)
}

func try(t *testing.T, open func(*testing.T) Store, trials []trial) {
	t.Helper()
	for _, trial := range trials {
		t.Run(trial.name, func(t *testing.T) {
			t.Parallel()
			trial.run(t, open(t))
		})
	}
}

// noon is when everything in these tests happens, unless order matters.
var noon = time.Date(2031, time.March, 4, 12, 0, 0, 123456000, time.UTC)

func newStream() es.Stream { return es.StreamOf("order", rand.Text()) }

// records continues a stream after a version with n records of one command.
func records(s es.Stream, after es.Version, n int, command string) []es.Record {
	rs := make([]es.Record, n)
	for i := range rs {
		v := after + es.Version(i) + 1
		rs[i] = es.Record{
			ID: rand.Text(), Stream: s, Version: v, Type: "order.tested", Schema: 1,
			Data:       fmt.Appendf(nil, `{"stream":%q,"version":%d}`, s, v),
			Metadata:   es.Metadata{CommandID: command},
			OccurredAt: noon.Add(time.Duration(v) * time.Microsecond),
		}
	}
	return rs
}

func envelope(id string) es.Envelope {
	return es.Envelope{
		ID: id, Type: "order.test", Target: "o-1", Schema: 3, Payload: []byte(`{}`),
		Fingerprint: "fingerprint of " + id, AcceptedAt: noon,
	}
}

func succeeded(command string, v es.Version) es.Outcome {
	return es.Outcome{CommandID: command, CommandType: "order.test", Target: "o-1", Status: es.StatusSucceeded, Version: v}
}

// accepted journals a new command and returns its id.
func accepted(t *testing.T, j es.Journal) string {
	t.Helper()
	id := rand.Text()
	if _, known, err := j.Accept(t.Context(), envelope(id)); err != nil || known {
		t.Fatalf("accept %s: known %v, error %v", id, known, err)
	}
	return id
}

// change is an append of n records for a new command, which it accepts.
func change(t *testing.T, j es.Journal, s es.Stream, expected es.Version, n int) es.Append {
	t.Helper()
	command := accepted(t, j)
	return es.Append{
		Stream: s, Expected: expected, Records: records(s, expected, n, command),
		Outcome: succeeded(command, expected+es.Version(n)),
	}
}

// appended makes such an append and returns it.
func appended(t *testing.T, s Store, stream es.Stream, expected es.Version, n int) es.Append {
	t.Helper()
	a := change(t, s, stream, expected, n)
	must(t, s.Append(t.Context(), a))
	return a
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("the error is %v, want %v", got, want)
	}
}

// read returns a stream after a version.
func read(t *testing.T, s es.Store, stream es.Stream, after es.Version) []es.Record {
	t.Helper()
	var rs []es.Record
	for r, err := range s.Read(t.Context(), stream, after) {
		must(t, err)
		rs = append(rs, r)
	}
	return rs
}

func wantRecords(t *testing.T, got, want []es.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d records, want %d", len(got), len(want))
	}
	for i := range want {
		if !sameRecord(got[i], want[i]) {
			t.Fatalf("record %d is\n%+v, want\n%+v", i, got[i], want[i])
		}
	}
}

func sameRecord(a, b es.Record) bool {
	if !bytes.Equal(a.Data, b.Data) || !a.OccurredAt.Equal(b.OccurredAt) || a.OccurredAt.Location() != time.UTC {
		return false
	}
	a.Data, b.Data, a.OccurredAt, b.OccurredAt = nil, nil, time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

func wantOutcome(t *testing.T, j es.Journal, want es.Outcome) {
	t.Helper()
	got, err := j.Outcome(t.Context(), want.CommandID)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("the outcome is %+v, want %+v", got, want)
	}
}

// wantPending asks for a command that was accepted and has no outcome.
func wantPending(t *testing.T, j es.Journal, command string) {
	t.Helper()
	wantOutcome(t, j, es.Outcome{CommandID: command, CommandType: "order.test", Target: "o-1", Status: es.StatusPending})
	if !slices.Contains(unfinished(t, j, 1000), command) {
		t.Fatalf("command %s is not among the unfinished ones", command)
	}
}

// unfinished pages through the journal.
func unfinished(t *testing.T, j es.Journal, limit int) []string {
	t.Helper()
	var ids []string
	for last := (es.Envelope{}); ; {
		page, err := j.Unfinished(t.Context(), noon.Add(time.Hour), last, limit)
		must(t, err)
		if len(page) > limit {
			t.Fatalf("a page holds %d commands, want at most %d", len(page), limit)
		}
		for _, c := range page {
			ids = append(ids, c.ID)
		}
		if len(page) < limit {
			return ids
		}
		last = page[len(page)-1]
	}
}

// wantOutbox asks for exactly these appends, in any order.
func wantOutbox(t *testing.T, o es.Outbox, want ...es.Append) {
	t.Helper()
	pending, err := o.Pending(t.Context(), 1_000_000)
	must(t, err)
	if len(pending) != len(want) {
		t.Fatalf("%d appends wait in the outbox, want %d", len(pending), len(want))
	}
	for _, a := range want {
		i := slices.IndexFunc(pending, func(p es.Pending) bool { return p.Records[0].ID == a.Records[0].ID })
		if i < 0 {
			t.Fatalf("the append to %s is not in the outbox", a.Stream)
		}
		wantRecords(t, pending[i].Records, a.Records)
	}
}

// together calls f n times at once and returns what each call returned.
func together(n int, f func(i int) error) []error {
	var (
		errs  = make([]error, n)
		start = make(chan struct{})
		all   sync.WaitGroup
	)
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// winner returns the one call that returned nil; all others must have returned
// the error given.
func winner(t *testing.T, errs []error, others error) int {
	t.Helper()
	won := -1
	for i, err := range errs {
		switch {
		case err != nil:
			wantError(t, err, others)
		case won >= 0:
			t.Fatalf("both %d and %d won, want one", won, i)
		default:
			won = i
		}
	}
	if won < 0 {
		t.Fatal("nobody won, want one")
	}
	return won
}

// patience bounds what would otherwise hang for ever.
const patience = 10 * time.Second

// soon fails unless f returns in time. It is for what a broken store never
// comes back from, even when its context is done.
func soon(t *testing.T, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	case <-time.After(patience + time.Second):
		t.Fatalf("%s: it hangs, and is deaf to its context", what)
	}
}
