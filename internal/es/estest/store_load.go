package estest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// This file holds the cases of TestStore that are about many at once, and much.

func oneWinner(t *testing.T, s Store) {
	const writers, rounds = 16, 50
	stream := newStream()
	var want []es.Record
	for round := range es.Version(rounds) {
		appends := make([]es.Append, writers)
		for i := range appends {
			command := rand.Text()
			appends[i] = es.Append{
				Stream: stream, Expected: round, Records: records(stream, round, 1, command), Outcome: succeeded(command, round+1),
			}
		}
		errs := together(writers, func(i int) error { return s.Append(t.Context(), appends[i]) })
		want = append(want, appends[winner(t, errs, es.ErrConflict)].Records...)
	}
	wantRecords(t, read(t, s, stream, 0), want)
	pending, err := s.Pending(t.Context(), 1000)
	must(t, err)
	if len(pending) != rounds {
		t.Fatalf("%d appends wait in the outbox, want %d", len(pending), rounds)
	}
}

func noHarm(t *testing.T, s Store) {
	const writers, rounds = 64, 5
	streams := make([]es.Stream, writers)
	for i := range streams {
		streams[i] = newStream()
	}
	want := make([][]es.Record, writers)
	for round := range es.Version(rounds) {
		decided := accepted(t, s)
		must(t, s.Finish(t.Context(), succeeded(decided, 0)))
		expected := make([]error, 0, 2*writers)
		appends := make([]es.Append, 0, 2*writers)
		for i, stream := range streams {
			command := rand.Text()
			good := es.Append{Stream: stream, Expected: 2 * round, Records: records(stream, 2*round, 2, command), Outcome: succeeded(command, 2*round+2)}
			bad, refusal := good, es.ErrDecided
			if bad.Outcome.CommandID = decided; i%2 == 0 {
				bad.Outcome.CommandID, refusal = rand.Text(), es.ErrConflict
				bad.Expected += 7
			}
			appends, expected = append(appends, good, bad), append(expected, nil, refusal)
			want[i] = append(want[i], good.Records...)
		}
		for i, err := range together(len(appends), func(i int) error { return s.Append(t.Context(), appends[i]) }) {
			wantError(t, err, expected[i])
		}
	}
	for i, stream := range streams {
		wantRecords(t, read(t, s, stream, 0), want[i])
	}
	pending, err := s.Pending(t.Context(), 10_000)
	must(t, err)
	if len(pending) != writers*rounds {
		t.Fatalf("%d appends wait in the outbox, want %d", len(pending), writers*rounds)
	}
}

func longStream(t *testing.T, s Store) {
	const length, step = 10_000, 2_500
	stream := newStream()
	var want []es.Record
	for v := es.Version(0); v < length; v += step {
		want = append(want, appended(t, s, stream, v, step).Records...)
	}
	wantRecords(t, read(t, s, stream, 0), want)
	wantRecords(t, read(t, s, stream, length/2), want[length/2:])
	for range 50 { // more often than a store has connections
		n := 0
		for _, err := range s.Read(t.Context(), stream, 0) {
			must(t, err)
			if n++; n == 100 {
				break
			}
		}
	}
	soon(t, "append after abandoned reads", func(ctx context.Context) error {
		return s.Append(ctx, es.Append{Stream: stream, Expected: length, Records: records(stream, length, 1, ""), Outcome: succeeded(rand.Text(), length+1)})
	})
	if got := read(t, s, stream, length-1); len(got) != 2 {
		t.Fatalf("read %d records at the end, want 2", len(got))
	}
}

func largePayloads(t *testing.T, s Store) {
	a := change(t, s, newStream(), 0, 33)
	for i := range a.Records {
		size := 200_000
		if i == 0 {
			size = 1 << 20
		}
		a.Records[i].Data = bytes.Repeat([]byte{byte(i), 0, 0xff, '\''}, size/4)
	}
	must(t, s.Append(t.Context(), a))
	wantRecords(t, read(t, s, a.Stream, 0), a.Records)
	wantOutbox(t, s, a)

	c := envelope(rand.Text())
	c.Payload = fmt.Appendf(nil, "%q", bytes.Repeat([]byte("p"), 1<<20))
	_, _, err := s.Accept(t.Context(), c)
	must(t, err)
	page, err := s.Unfinished(t.Context(), noon.Add(time.Hour), es.Envelope{}, 10)
	must(t, err)
	if !slices.ContainsFunc(page, func(got es.Envelope) bool { return bytes.Equal(got.Payload, c.Payload) }) {
		t.Fatal("the payload of a command of 1 MiB is not what was accepted")
	}
}

func pausedReaders(t *testing.T, s Store) {
	a := appended(t, s, newStream(), 0, 10)
	next := change(t, s, a.Stream, 10, 1)
	soon(t, "read and append beside paused readers", func(ctx context.Context) error {
		for range 64 {
			pull, stop := iter.Pull2(s.Read(ctx, a.Stream, 0))
			defer stop()
			if _, err, _ := pull(); err != nil {
				return err
			}
		}
		if err := s.Append(ctx, next); err != nil {
			return err
		}
		for _, err := range s.Read(ctx, a.Stream, 5) {
			if err != nil {
				return err
			}
		}
		return nil
	})
}
