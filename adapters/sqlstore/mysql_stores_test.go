package sqlstore_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/servertest"
)

// onServers runs a test on every server, with a database of its own.
func onServers(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	forServers(t, func(t *testing.T, server string) { test(t, servertest.Database(t, server)) })
}

// forServers runs a test for each kind of server, by its name.
func forServers(t *testing.T, test func(t *testing.T, server string)) {
	t.Helper()
	t.Parallel()
	for _, server := range []string{"mysql", "mariadb"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			test(t, server)
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
