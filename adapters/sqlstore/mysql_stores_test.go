package sqlstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
	"github.com/millrace/millrace/internal/servertest"
)

// onServers runs a test on every server, with a database of its own.
func onServers(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	t.Parallel()
	for _, server := range []string{"mysql", "mariadb"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			test(t, servertest.Database(t, server))
		})
	}
}

// openStores opens a database several times, each as a process of its own would.
func openStores(t *testing.T, address string, n int) []*sqlstore.Store {
	t.Helper()
	stores := make([]*sqlstore.Store, n)
	for i := range stores {
		stores[i] = openMySQL(t, address)
	}
	return stores
}

// atOnce calls f n times at the same time and returns what each call returned.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
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

// wantOneWinner asks for one nil, and for the error given otherwise.
func wantOneWinner(t *testing.T, errs []error, others error) {
	t.Helper()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, others):
			t.Errorf("call %d: %v, want %v", i, err, others)
		}
	}
	if won != 1 {
		t.Errorf("%d calls won, want one", won)
	}
}

// inTurn is several stores on one database, of which each call takes the next one.
type inTurn struct {
	stores []*sqlstore.Store
	calls  *atomic.Int64
}

func (s inTurn) next() *sqlstore.Store { return s.stores[int(s.calls.Add(1))%len(s.stores)] }

func (s inTurn) Append(ctx context.Context, a es.Append) error { return s.next().Append(ctx, a) }

func (s inTurn) Read(ctx context.Context, stream es.Stream, after es.Version) iter.Seq2[es.Record, error] {
	return s.next().Read(ctx, stream, after)
}

func (s inTurn) ReadTails(ctx context.Context, tails []es.Tail) iter.Seq2[es.Record, error] {
	return s.next().ReadTails(ctx, tails)
}

func (s inTurn) Accept(ctx context.Context, c es.Envelope) (es.Outcome, bool, error) {
	return s.next().Accept(ctx, c)
}

func (s inTurn) Finish(ctx context.Context, o es.Outcome) error { return s.next().Finish(ctx, o) }

func (s inTurn) Outcome(ctx context.Context, id string) (es.Outcome, error) {
	return s.next().Outcome(ctx, id)
}

func (s inTurn) Unfinished(ctx context.Context, before time.Time, after es.Envelope, limit int) ([]es.Envelope, error) {
	return s.next().Unfinished(ctx, before, after, limit)
}

func (s inTurn) Pending(ctx context.Context, limit int) ([]es.Pending, error) {
	return s.next().Pending(ctx, limit)
}

func (s inTurn) Forward(ctx context.Context, l es.Lease, entries []es.Pending) error {
	return s.next().Forward(ctx, l, entries)
}

func (s inTurn) Feed(ctx context.Context, after es.Position, limit int) ([]es.FeedRecord, error) {
	return s.next().Feed(ctx, after, limit)
}

func (s inTurn) Head(ctx context.Context) (es.Position, error) { return s.next().Head(ctx) }

func (s inTurn) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (es.Lease, error) {
	return s.next().Acquire(ctx, name, holder, ttl)
}

func (s inTurn) Import(ctx context.Context, records []es.Record) (map[es.Stream]es.Version, error) {
	return s.next().Import(ctx, records)
}

func (s inTurn) Versions(ctx context.Context, streams []es.Stream) (map[es.Stream]es.Version, error) {
	return s.next().Versions(ctx, streams)
}

func (s inTurn) Mirrored(ctx context.Context, handler string) (map[string]es.Position, error) {
	return s.next().Mirrored(ctx, handler)
}

func (s inTurn) MoveMirror(ctx context.Context, handler, store string, from, to es.Position) error {
	return s.next().MoveMirror(ctx, handler, store, from, to)
}

func (s inTurn) Stretch(ctx context.Context, types []string, after es.Position, limit int) (es.Stretch, error) {
	return s.next().Stretch(ctx, types, after, limit)
}

// processesInTurn are the processes of a manager in several stores.
type processesInTurn struct {
	inTurn
	name string
}

func (p processesInTurn) next() estest.Processes { return processesOf(p.inTurn.next(), p.name) }

func (p processesInTurn) Seen(ctx context.Context, streams []es.Stream) (map[es.Stream]es.Version, error) {
	return p.next().Seen(ctx, streams)
}

func (p processesInTurn) Load(ctx context.Context, ids []string) (map[string]es.Instance[estest.State], error) {
	return p.next().Load(ctx, ids)
}

func (p processesInTurn) Save(ctx context.Context, moves []es.Move[estest.State]) []error {
	return p.next().Save(ctx, moves)
}

func (p processesInTurn) Due(ctx context.Context, before time.Time, after es.DueProcess, limit int) ([]es.DueProcess, error) {
	return p.next().Due(ctx, before, after, limit)
}

func TestMySQLStoresInTurn(t *testing.T) { passesInTurn(t, "mysql") }

func TestMariaDBStoresInTurn(t *testing.T) { passesInTurn(t, "mariadb") }

// passesInTurn runs the suites with every call in another process.
func passesInTurn(t *testing.T, server string) {
	t.Parallel()
	open := func(t *testing.T) estest.Store {
		return inTurn{openStores(t, servertest.Database(t, server), 3), new(atomic.Int64)}
	}
	t.Run("store", func(t *testing.T) { estest.TestStore(t, open) })
	t.Run("journal", func(t *testing.T) { estest.TestJournal(t, open) })
	t.Run("outbox and feed", func(t *testing.T) { estest.TestOutboxAndFeed(t, open) })
	t.Run("leases", func(t *testing.T) { estest.TestLeases(t, open) })
	t.Run("imports", func(t *testing.T) { estest.TestImports(t, open) })
	t.Run("mirrors", func(t *testing.T) { estest.TestMirrors(t, open) })
	t.Run("processes", func(t *testing.T) {
		estest.TestProcesses(t, open, func(s estest.Store, name string) estest.Processes {
			return processesInTurn{s.(inTurn), name}
		})
	})
}

func TestMySQLOneProcessWinsEachVersion(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores := openStores(t, address, 4)
		const writers, rounds = 16, 10
		for round := range rounds {
			wantOneWinner(t, atOnce(writers, func(i int) error {
				return stores[i%len(stores)].Append(t.Context(), addition("order-1", es.Version(2*round), 2))
			}), es.ErrConflict)
		}
		if v := versionOf(t, stores[0], "order-1"); v != 2*rounds {
			t.Errorf("the stream is at version %d, want %d", v, 2*rounds)
		}
		if n, err := stores[0].Backlog(t.Context()); n != rounds || err != nil {
			t.Errorf("%d appends wait in the outbox, want %d; error %v", n, rounds, err)
		}
	})
}

func TestMySQLCommandTakesEffectOnceWhoeverCarriesItOut(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores := openStores(t, address, 4)
		for range 10 {
			stream := es.StreamOf("order", rand.Text())
			a := addition(stream, 0, 1)
			errs := atOnce(16, func(i int) error { return stores[i%len(stores)].Append(t.Context(), a) })
			wantOneWinner(t, errs, es.ErrDecided)
			if v := versionOf(t, stores[0], stream); v != 1 {
				t.Errorf("the stream is at version %d, want 1", v)
			}
		}
	})
}

func TestMySQLCommandIsNewToOneProcess(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores := openStores(t, address, 4)
		errKnown := errors.New("known already")
		for range 10 {
			id := rand.Text()
			wantOneWinner(t, atOnce(16, func(i int) error {
				_, known, err := stores[i%len(stores)].Accept(t.Context(), es.Envelope{ID: id, Payload: []byte(`{}`), AcceptedAt: time.Now()})
				if err == nil && known {
					return errKnown
				}
				return err
			}), errKnown)
			other := func(i int) error {
				_, _, err := stores[i%len(stores)].Accept(t.Context(), es.Envelope{ID: id, Fingerprint: "other", Payload: []byte(`{}`), AcceptedAt: time.Now()})
				return err
			}
			for _, err := range atOnce(4, other) {
				if !errors.Is(err, es.ErrIDReused) {
					t.Errorf("another request under the same id: %v", err)
				}
			}
		}
	})
}

// A request that loses the race for its id against another request has to hear of it.
func TestMySQLReusedIDIsFoundInARace(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores := openStores(t, address, 4)
		for range 20 {
			id := rand.Text()
			wantOneWinner(t, atOnce(4, func(i int) error {
				_, _, err := stores[i].Accept(t.Context(), es.Envelope{ID: id, Fingerprint: fmt.Sprint(i), Payload: []byte(`{}`), AcceptedAt: time.Now()})
				return err
			}), es.ErrIDReused)
		}
	})
}

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

func TestMySQLLeaseGoesToOneProcess(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores := openStores(t, address, 4)
		for round := range 5 {
			name := fmt.Sprint("lease ", round)
			wantOneWinner(t, atOnce(12, func(i int) error {
				_, err := stores[i%len(stores)].Acquire(t.Context(), name, fmt.Sprint("holder ", i), time.Hour)
				return err
			}), es.ErrFenced)
		}
		lease, err := stores[0].Acquire(t.Context(), "over", "first", time.Microsecond)
		if err != nil {
			t.Fatal(err)
		}
		epochs := map[int64]bool{lease.Epoch: true}
		var mu sync.Mutex
		for _, err := range atOnce(8, func(i int) error { // each is over before the next one is taken
			l, err := stores[i%len(stores)].Acquire(t.Context(), "over", fmt.Sprint("holder ", i), time.Microsecond)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && epochs[l.Epoch] {
				return fmt.Errorf("epoch %d was given out twice", l.Epoch)
			}
			epochs[l.Epoch] = true
			return err
		}) {
			if err != nil && !errors.Is(err, es.ErrFenced) {
				t.Error(err)
			}
		}
	})
}
