package es_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

var (
	noon      = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	errBroken = errors.New("broken")
)

// tally is the state of these tests: what has been added so far.
type tally int

// Evolve implements es.Folded.
func (n tally) Evolve(e added) tally { return n + tally(e.N) }

// added is the one event of these tests.
type added struct {
	N int `json:"n"`
}

// EventType implements es.Event.
func (added) EventType() string { return "added" }

func newCodec(t *testing.T) *es.Codec[added] {
	t.Helper()
	c, err := es.NewCodec([]added{{}}, added.EventType)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// history returns the records of additions to the stream tally-7, one a second.
func history(additions ...int) []es.Record {
	var records []es.Record
	for i, n := range additions {
		data, err := json.Marshal(added{n})
		if err != nil {
			panic(err)
		}
		records = append(records, es.Record{
			ID: string(rune('a' + i)), Stream: "tally-7", Version: es.Version(i + 1), Type: "added", Schema: 1,
			Data: data, OccurredAt: noon.Add(time.Duration(i) * time.Second),
		})
	}
	return records
}

// reader is a store with one stream, which can be read.
type reader struct {
	es.Store
	records []es.Record
}

// Read implements es.Store.
func (s *reader) Read(_ context.Context, stream es.Stream, after es.Version) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for _, r := range s.records {
			if r.Stream == stream && r.Version > after && !yield(r, nil) {
				return
			}
		}
	}
}

// ReadTails implements es.Store.
func (s *reader) ReadTails(ctx context.Context, tails []es.Tail) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for _, t := range tails {
			for r, err := range s.Read(ctx, t.Stream, t.After) {
				if !yield(r, err) {
					return
				}
			}
		}
	}
}

// countingStore counts how often a desk is read.
type countingStore struct {
	*desk
	reads *int
}

// Read implements es.Store.
func (s *countingStore) Read(ctx context.Context, stream es.Stream, after es.Version) iter.Seq2[es.Record, error] {
	*s.reads++
	return s.desk.Read(ctx, stream, after)
}

// unreadable is a store that breaks after some records.
type unreadable struct{ reader }

// Read implements es.Store.
func (s *unreadable) Read(ctx context.Context, stream es.Stream, after es.Version) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for r, err := range s.reader.Read(ctx, stream, after) {
			if !yield(r, err) {
				return
			}
		}
		yield(es.Record{}, errBroken)
	}
}

// ReadTails implements es.Store.
func (s *unreadable) ReadTails(ctx context.Context, tails []es.Tail) iter.Seq2[es.Record, error] {
	return s.Read(ctx, tails[0].Stream, tails[0].After)
}

// logged returns a logger and what it has written so far.
func logged() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

// start runs a long-running part in a synctest bubble. What it returns ends the
// part and wants it to have ended well.
func start(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
	}
}
