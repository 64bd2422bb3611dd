package es_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// depot is a store in memory that imports and mirrors. What it appends or imports is
// in its feed at once.
type depot struct {
	es.Store
	id string

	mu      sync.Mutex
	streams map[es.Stream][]es.Record
	feed    []es.Record
	at      map[string]map[string]es.Position
	imports int   // how often Import was called
	broken  error // what Import returns
}

func newDepot(id string) *depot {
	return &depot{id: id, streams: map[es.Stream][]es.Record{}, at: map[string]map[string]es.Position{}}
}

// add appends events of a type to a stream.
func (d *depot) add(stream es.Stream, eventType string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range n {
		v := es.Version(len(d.streams[stream]) + 1)
		d.put(es.Record{ID: fmt.Sprintf("%s %s %d", d.id, stream, v), Stream: stream, Version: v, Type: eventType, Schema: 1, OccurredAt: noon})
	}
}

func (d *depot) put(r es.Record) {
	d.streams[r.Stream] = append(d.streams[r.Stream], r)
	d.feed = append(d.feed, r)
}

// has returns how far a stream goes.
func (d *depot) has(stream es.Stream) es.Version {
	d.mu.Lock()
	defer d.mu.Unlock()
	return es.Version(len(d.streams[stream]))
}

// Import implements es.Imports.
func (d *depot) Import(_ context.Context, records []es.Record) (map[es.Stream]es.Version, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.imports++; d.broken != nil {
		return nil, d.broken
	}
	reached := map[es.Stream]es.Version{}
	for _, r := range slices.SortedFunc(slices.Values(records), func(a, b es.Record) int { return cmp.Compare(a.Version, b.Version) }) {
		have := d.streams[r.Stream]
		if n := len(have); n > 0 && have[0].Metadata.Origin != r.Metadata.Origin {
			return nil, es.ErrForked
		}
		if r.Version == es.Version(len(have)+1) {
			d.put(r)
		}
		reached[r.Stream] = es.Version(len(d.streams[r.Stream]))
	}
	return reached, nil
}

// Versions implements es.Imports.
func (d *depot) Versions(_ context.Context, streams []es.Stream) (map[es.Stream]es.Version, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	versions := map[es.Stream]es.Version{}
	for _, s := range streams {
		if n := len(d.streams[s]); n > 0 {
			versions[s] = es.Version(n)
		}
	}
	return versions, nil
}

// Mirrored implements es.Mirrors.
func (d *depot) Mirrored(_ context.Context, handler string) (map[string]es.Position, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.at[handler]), nil
}

// MoveMirror implements es.Mirrors.
func (d *depot) MoveMirror(_ context.Context, handler, store string, from, to es.Position) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at[handler] == nil {
		d.at[handler] = map[string]es.Position{}
	}
	if d.at[handler][store] != from {
		return es.ErrConflict
	}
	d.at[handler][store] = to
	return nil
}

// Stretch implements es.Mirrors, for stretches of 100 positions.
func (d *depot) Stretch(_ context.Context, types []string, after es.Position, limit int) (es.Stretch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	head := es.Position(len(d.feed))
	found := es.Stretch{Head: head, UpTo: min(head, after+100), Streams: map[es.Stream]es.Version{}}
	for at := after; at < found.UpTo; at++ {
		r := d.feed[at]
		if r.Metadata.Origin != "" || len(types) > 0 && !slices.Contains(types, r.Type) {
			continue
		}
		found.Streams[r.Stream] = r.Version
		if limit--; limit == 0 {
			found.UpTo = at + 1
		}
	}
	return found, nil
}

// ReadTails implements es.Store.
func (d *depot) ReadTails(_ context.Context, tails []es.Tail) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for _, t := range tails {
			d.mu.Lock()
			records := slices.Clone(d.streams[t.Stream])
			d.mu.Unlock()
			for _, r := range records[min(int(t.After), len(records)):] {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// everybody hands out any lease.
type everybody struct{}

// Acquire implements es.Leases.
func (everybody) Acquire(_ context.Context, name, holder string, _ time.Duration) (es.Lease, error) {
	return es.Lease{Name: name, Holder: holder, Epoch: 1}, nil
}
