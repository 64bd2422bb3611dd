package sqlstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

func TestMySQLStatesNeverGoBack(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores := openStores(t, address, 3)
		store := func(i int) *sqlstore.Store { return stores[i%len(stores)] }
		t.Run("views", func(t *testing.T) {
			wantOneWinnerPerStep(t, func(i int, ids []string, from es.Version) []error {
				steps := make([]es.Step[query.Order], len(ids))
				for n, id := range ids {
					steps[n] = es.Step[query.Order]{ID: id, From: from, To: from + 1}
				}
				return sqlstore.OrderViews{Store: store(i)}.Save(t.Context(), steps)
			})
			wantVersions(t, sqlstore.OrderViews{Store: store(0)}.Load, func(s es.Seen[query.Order]) es.Version { return s.Version })
		})
		t.Run("processes", func(t *testing.T) {
			wantOneWinnerPerStep(t, func(i int, ids []string, from es.Version) []error {
				moves := make([]es.Move[estest.State], len(ids))
				for n, id := range ids {
					moves[n] = estest.MoveOf(id, from, from+1, estest.State{})
					moves[n].Seen = map[es.Stream]es.Version{es.StreamOf("a", id): from + 1, es.StreamOf("b", id): from + 1}
				}
				return processesOf(store(i), "checkout").Save(t.Context(), moves)
			})
			wantVersions(t, processesOf(store(0), "checkout").Load, func(i es.Instance[estest.State]) es.Version { return i.Version })
		})
	})
}

// wantOneWinnerPerStep saves the same steps, each of several states, from several
// stores at once, in different orders.
func wantOneWinnerPerStep(t *testing.T, save func(i int, ids []string, from es.Version) []error) {
	t.Helper()
	const savers, ids = 9, 5
	for round := range es.Version(8) {
		errs := make([][]error, ids)
		for i := range errs {
			errs[i] = make([]error, savers)
		}
		atOnce(savers, func(i int) error {
			order := make([]string, ids)
			for n := range order {
				order[n] = fmt.Sprint((n + i) % ids)
			}
			for n, err := range save(i, order, round) {
				errs[(n+i)%ids][i] = err
			}
			return nil
		})
		for _, each := range errs {
			wantOneWinner(t, each, es.ErrConflict)
		}
	}
}

func wantVersions[S any](t *testing.T, load func(context.Context, []string) (map[string]S, error), version func(S) es.Version) {
	t.Helper()
	found, err := load(t.Context(), []string{"0", "1", "2", "3", "4"})
	if err != nil || len(found) != 5 {
		t.Fatalf("loaded %d states, want 5; error %v", len(found), err)
	}
	for id, s := range found {
		if v := version(s); v != 8 {
			t.Errorf("state %s is at version %d, want 8", id, v)
		}
	}
}

// Two moves from one version need not have seen the same. When it is not known whether
// one was made, another one must not pass for it, or its commands would be sent though
// nobody has accepted them.
func TestMySQLDoesNotTakeAnotherMoveForOneOfUnknownOutcome(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		p, direct := startProxy(t, address), openMySQL(t, address)
		s := openMySQL(t, p.address)
		var done atomic.Bool
		p.cutAt(func(c command) cut {
			if !c.isCommit() || !done.CompareAndSwap(false, true) {
				return noCut
			}
			if err := estest.MoveOne(t.Context(), processesOf(direct, "checkout"), estest.MoveOf("1", 0, 1, estest.State{Count: 2})); err != nil {
				t.Errorf("the other move: %v", err)
			}
			return beforeServer
		})
		command := es.Envelope{ID: rand.Text(), Payload: []byte(`{}`), AcceptedAt: time.Now()}
		err := estest.MoveOne(t.Context(), processesOf(s, "checkout"), estest.MoveOf("1", 0, 1, estest.State{Count: 1}, command))
		if !errors.Is(err, es.ErrConflict) || !done.Load() {
			t.Errorf("the move: %v, want %v", err, es.ErrConflict)
		}
		if _, err := s.Outcome(t.Context(), command.ID); !errors.Is(err, es.ErrUnknownCommand) {
			t.Errorf("its command: %v, want %v", err, es.ErrUnknownCommand)
		}
		found, err := processesOf(s, "checkout").Load(t.Context(), []string{"1"})
		if err != nil || found["1"].State.Count != 2 {
			t.Errorf("the process is %+v, want it as the other move left it; error %v", found["1"], err)
		}
	})
}
