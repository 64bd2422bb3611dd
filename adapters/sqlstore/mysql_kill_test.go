package sqlstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
	"github.com/millrace/millrace/internal/servertest"
)

func onOwnServers(t *testing.T, test func(t *testing.T, m *servertest.MySQL)) {
	t.Helper()
	forServers(t, func(t *testing.T, server string) { test(t, servertest.StartMySQL(t, server)) })
}

func TestMySQLLosesNothingThatWasConfirmedBeforeAKill(t *testing.T) {
	onOwnServers(t, func(t *testing.T, m *servertest.MySQL) {
		const rounds, writers = 3, 8
		s := openMySQL(t, m.Address)
		attempts := make([][]attempt, writers)
		streams := make([]es.Stream, writers)
		for i := range streams {
			streams[i] = es.StreamOf("order", fmt.Sprint(i))
		}
		findable := query.Order{Items: order.Cart{{Title: "Quattro formaggi"}}}
		if err := estest.SaveOne(t.Context(), sqlstore.OrderViews{Store: s}, "found", findable, 0, 1); err != nil {
			t.Fatal(err)
		}
		for range rounds {
			var stop atomic.Bool
			var confirmed atomic.Int64
			var all sync.WaitGroup
			all.Go(func() {
				anything := func(error) bool { return true }
				if err := relayUntil(t.Context(), s, "relay", time.Hour, &stop, anything); err != nil {
					t.Errorf("relay: %v", err)
				}
			})
			for i, stream := range streams {
				from := versionOf(t, s, stream)
				all.Go(func() { attempts[i] = append(attempts[i], appendUntilRefused(t, s, stream, from, &confirmed)...) })
			}
			enough := 20 + rand.Int64N(200)
			waitFor(t, "enough is confirmed", func() bool { return confirmed.Load() > enough })
			m.Kill()
			m.Start()
			back := time.Now()
			waitFor(t, "a write goes through again", func() bool { _, err := s.Acquire(t.Context(), "views", "a", time.Hour); return err == nil })
			if took := time.Since(back); took > 5*time.Second {
				t.Errorf("the store needs %v to write again", took)
			}
			stop.Store(true)
			all.Wait()
		}
		want := map[es.Stream]es.Version{}
		for i, stream := range streams {
			want[stream] = versionOf(t, s, stream)
			wantTruth(t, s, stream, attempts[i])
		}
		wantPublishedOnce(t, s, want)
		found, err := sqlstore.OrderViews{Store: s}.Search(t.Context(), query.SearchOrders{Phrase: "formaggi", Limit: 10})
		if len(found) != 1 || err != nil {
			t.Errorf("found %d orders, want 1; error %v", len(found), err)
		}
	})
}

// appendUntilRefused appends to a stream until the server is gone.
func appendUntilRefused(t *testing.T, s *sqlstore.Store, stream es.Stream, version es.Version, confirmed *atomic.Int64) []attempt {
	var all []attempt
	for {
		a := addition(stream, version, 1+int(version)%3)
		err := s.Append(t.Context(), a)
		all = append(all, attempt{a, err})
		if err != nil {
			return all
		}
		version = a.Outcome.Version
		confirmed.Add(1)
	}
}

// A server that stands still answers nothing, and closes nothing either.
func TestMySQLFailsInTimeWhenTheServerStandsStill(t *testing.T) {
	onOwnServers(t, func(t *testing.T, m *servertest.MySQL) {
		s := openMySQL(t, m.Address)
		if err := s.Append(t.Context(), addition("order-1", 0, 1)); err != nil { // its connections are open
			t.Fatal(err)
		}
		versionOf(t, s, "order-1")
		m.Stop()
		calls := []struct {
			name string
			do   func() error
		}{
			{"append", func() error { return s.Append(t.Context(), addition("order-2", 0, 1)) }},
			{"append beside it", func() error { return s.Append(t.Context(), addition("order-3", 0, 1)) }},
			{"read", func() error { _, err := s.Head(t.Context()); return err }},
			{"read beside it", func() error { _, err := s.Backlog(t.Context()); return err }},
			{"ping", func() error { return s.Ping(t.Context()) }},
			{"read with little patience", func() error {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				_, err := s.Pending(ctx, 1)
				return err
			}},
		}
		begun := time.Now()
		atOnce(len(calls), func(i int) error {
			err := calls[i].do()
			took := time.Since(begun)
			t.Logf("%s took %v: %v", calls[i].name, took.Round(time.Millisecond), err)
			// An answer is waited for 10 seconds and a connection 5, each of them once.
			if err == nil || took > 19*time.Second {
				t.Errorf("%s took %v, error %v; want an error after 15 seconds at most", calls[i].name, took, err)
			}
			return nil
		})
		m.Continue()
		back := time.Now()
		waitFor(t, "writes go through again", func() bool {
			return s.Append(t.Context(), addition("order-4", versionOf(t, s, "order-4"), 1)) == nil
		})
		if took := time.Since(back); took > 5*time.Second {
			t.Errorf("the store needs %v to write again", took)
		}
	})
}
