package es_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// street is some stores with their informants and mirrors, and a broker between them
// that may lose what it carries.
type street struct {
	*testing.T
	loses     func() bool // whether to lose the next message
	depots    map[string]*depot
	informant map[string]*es.Informant
	mirrors   map[string]*es.Mirror
	log       fmt.Stringer

	mu     sync.Mutex
	asked  int
	told   int // answers that have arrived
	ending sync.WaitGroup
}

// openStreet returns stores whose mirrors want events of some types.
func openStreet(t *testing.T, types []string, ids ...string) *street {
	s := &street{
		T: t, loses: func() bool { return false },
		depots: map[string]*depot{}, informant: map[string]*es.Informant{}, mirrors: map[string]*es.Mirror{},
	}
	log, written := logged()
	s.log = written
	for _, id := range ids {
		d := newDepot(id)
		s.depots[id] = d
		s.informant[id] = &es.Informant{ID: id, Store: d, Feed: d, Calm: time.Second, Reply: s.reply}
		s.mirrors[id] = &es.Mirror{
			ID: id, Store: d, Ask: s.ask, Every: 5 * time.Second, Log: log,
			Wishes: []es.Wish{{Handler: "views", Types: types, Leader: &es.Leader{Leases: everybody{}, Name: "mirror views", Holder: "me", TTL: time.Minute}}},
			Importer: es.NewImporter(es.ImporterConfig{
				Store: d, News: &es.Notices[es.Version]{}, Imported: func() {}, Log: log,
			}),
		}
	}
	return s
}

// ask brings a question to everybody, as a broker does.
func (s *street) ask(_ context.Context, q es.Question) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	for _, i := range s.informant {
		if s.loses() {
			continue
		}
		s.ending.Go(func() {
			time.Sleep(time.Millisecond) // of the bubble's time
			if err := i.Answer(s.Context(), q); err != nil && s.Context().Err() == nil {
				s.Errorf("answer: %v", err)
			}
		})
	}
	return nil
}

func (s *street) reply(_ context.Context, to string, a es.Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loses() {
		return nil
	}
	s.told++
	a.Records = slices.Clone(a.Records)
	s.ending.Go(func() {
		time.Sleep(time.Millisecond) // of the bubble's time
		if err := s.mirrors[to].Hear(s.Context(), a); err != nil {
			s.Errorf("hear: %v", err)
		}
	})
	return nil
}

// run lets all mirrors run for a time.
func (s *street) run(d time.Duration) {
	s.Helper()
	var stops []func()
	for _, m := range s.mirrors {
		stops = append(stops, start(s.T, m.Run))
	}
	time.Sleep(d)
	for _, stop := range stops {
		stop()
	}
	s.ending.Wait()
}

// position returns how much one store has of another's feed.
func (s *street) position(of, from string) es.Position {
	all := s.depots[of].at
	for _, at := range all {
		return at[from]
	}
	return 0
}

// wantHas wants a store to have a stream up to a version.
func (s *street) wantHas(id string, stream es.Stream, want es.Version) {
	s.Helper()
	if got := s.depots[id].has(stream); got != want {
		s.Fatalf("%s has %s up to version %d, want %d", id, stream, got, want)
	}
}

// fill adds n streams of events to a store, each of them three times.
func (s *street) fill(id string, n int) {
	for range 3 {
		for i := range n {
			s.depots[id].add(es.StreamOf("tally", fmt.Sprint(id, i)), "added", 1)
		}
	}
}
