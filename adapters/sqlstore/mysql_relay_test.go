package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/servertest"
)

// relayed forwards what is pending, and returns how much that was.
func relayed(ctx context.Context, s *sqlstore.Store, lease es.Lease) (int, error) {
	pending, err := s.Pending(ctx, 20)
	if err != nil || len(pending) == 0 {
		return 0, err
	}
	return len(pending), s.Forward(ctx, lease, pending)
}

// relayUntil acquires the lease and forwards, over and over, until it is told to
// stop and nothing is pending. It ignores those errors that it is told to.
func relayUntil(ctx context.Context, s *sqlstore.Store, holder string, ttl time.Duration, stop *atomic.Bool, ignore func(error) bool) error {
	for ctx.Err() == nil {
		last := stop.Load()
		lease, err := s.Acquire(ctx, "relay", holder, ttl)
		n := 0
		if err == nil {
			n, err = relayed(ctx, s, lease)
		}
		switch {
		case err != nil && !ignore(err):
			return err
		case err == nil && last && n == 0:
			return nil
		}
		if err != nil && last { // somebody else does it
			if n, err := s.Backlog(ctx); n == 0 && err == nil {
				return nil
			}
		}
	}
	return ctx.Err()
}

func fenced(err error) bool { return errors.Is(err, es.ErrFenced) }

// wantPublishedOnce asks for a feed without gaps that holds each version of the
// streams once and in order, and for nothing else in feed and outbox.
func wantPublishedOnce(t *testing.T, s *sqlstore.Store, want map[es.Stream]es.Version) {
	t.Helper()
	seen := map[es.Stream]es.Version{}
	see := func(r es.Record) {
		if seen[r.Stream]++; r.Version != seen[r.Stream] {
			t.Errorf("feed and outbox have version %d of %s where %d belongs", r.Version, r.Stream, seen[r.Stream])
		}
	}
	feed, err := s.Feed(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range feed {
		if see(r.Record); r.Position != es.Position(i+1) {
			t.Errorf("the feed has position %d, want %d", r.Position, i+1)
		}
	}
	pending, err := s.Pending(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pending {
		for _, r := range p.Records {
			see(r)
		}
	}
	for stream, v := range want {
		if seen[stream] != v {
			t.Errorf("feed and outbox have %d versions of %s, want %d", seen[stream], stream, v)
		}
		delete(seen, stream)
	}
	if len(seen) > 0 {
		t.Errorf("feed and outbox hold streams that nobody has appended to: %v", seen)
	}
}

// Several relays take the lease from each other all the time, while others append.
func TestMySQLCompetingRelaysForwardEachEntryOnce(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores := openStores(t, address, 4)
		const writers, each = 8, 40
		var stop atomic.Bool
		var relays, all sync.WaitGroup
		for i, s := range stores[:3] {
			relays.Go(func() {
				if err := relayUntil(t.Context(), s, fmt.Sprint("relay ", i), time.Millisecond, &stop, fenced); err != nil {
					t.Errorf("relay %d: %v", i, err)
				}
			})
		}
		want := map[es.Stream]es.Version{}
		for i := range writers {
			stream := es.StreamOf("order", fmt.Sprint(i))
			want[stream] = 2 * each
			all.Go(func() {
				for n := range es.Version(each) {
					if err := stores[i%len(stores)].Append(t.Context(), addition(stream, 2*n, 2)); err != nil {
						t.Errorf("append to %s: %v", stream, err)
						return
					}
				}
			})
		}
		all.Wait()
		stop.Store(true)
		relays.Wait()
		wantPublishedOnce(t, stores[0], want)
		if n, err := stores[0].Backlog(t.Context()); n != 0 || err != nil {
			t.Errorf("%d appends wait in the outbox, want none; error %v", n, err)
		}
	})
}

// The old holder has found its lease to be good, and is held up before it writes.
// Until it is done nobody else may have the lease; afterwards it has none.
func TestMySQLLeaseWaitsForAForwardThatIsUnderWay(t *testing.T) {
	forServers(t, func(t *testing.T, server string) {
		const tries = 10
		for range tries {
			if leaseWaits(t, servertest.Database(t, server)) {
				return
			}
		}
		t.Errorf("in %d tries nobody was seen to wait for the forward in time", tries)
	})
}

// leaseWaits holds a forward up and has somebody else ask for the lease. It tells
// whether that happened in time: a forward waits for a lock for a second, is undone,
// and begins again behind those who waited for it.
func leaseWaits(t *testing.T, address string) (judged bool) {
	t.Helper()
	stores, raw := openStores(t, address, 2), servertest.Connect(t, address)
	lease, err := stores[0].Acquire(t.Context(), "relay", "old", time.Nanosecond)
	if err != nil {
		t.Fatal(err)
	}
	want := map[es.Stream]es.Version{"order-1": 2, "order-2": 1}
	for stream, n := range want {
		if err := stores[0].Append(t.Context(), addition(stream, 0, int(n))); err != nil {
			t.Fatal(err)
		}
	}
	pending, err := stores[0].Pending(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	hold := begin(t, raw)
	// Position 1 is taken and not taken: who inserts it waits.
	execTx(t, hold, "INSERT INTO feed (position, stream, version, type) VALUES (1, 'x', 1, 'x')")
	forwarded, acquired := make(chan error, 1), make(chan error, 1)
	begun := time.Now()
	late := func() bool { return time.Since(begun) > 900*time.Millisecond }
	enough := func() bool { return time.Since(begun) > 500*time.Millisecond } // for somebody who does not wait
	go func() { forwarded <- stores[0].Forward(t.Context(), lease, pending) }()
	waitFor(t, "the forward waits", func() bool { return lockWaits(t, raw) == 1 })
	go func() {
		_, err := stores[1].Acquire(t.Context(), "relay", "new", time.Hour)
		acquired <- err
	}()
	waitFor(t, "the new holder waits", func() bool {
		return len(acquired) > 0 || late() || enough() && lockWaits(t, raw) == 2
	})
	if len(acquired) > 0 && !late() {
		t.Fatal("the lease has gone to somebody else while the forward was under way")
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	judged = !late()
	forward, acquire := <-forwarded, <-acquired
	if !judged && fenced(forward) {
		forward = nil // it was undone, and the new holder came first
	}
	if err := errors.Join(forward, acquire); err != nil {
		t.Fatal(err)
	}
	if !judged {
		return false
	}
	if err := stores[0].Append(t.Context(), addition("order-2", 1, 1)); err != nil {
		t.Fatal(err)
	}
	pending, err = stores[0].Pending(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := stores[0].Forward(t.Context(), lease, pending); !errors.Is(err, es.ErrFenced) {
		t.Errorf("the old holder forwards with %v, want %v", err, es.ErrFenced)
	}
	want["order-2"] = 2
	wantPublishedOnce(t, stores[0], want)
	if head, err := stores[0].Head(t.Context()); head != 3 || err != nil {
		t.Errorf("the feed ends at %d, want 3; error %v", head, err)
	}
	return true
}

// A transaction that took its places in the outbox early and commits late must
// not be passed over by those who commit meanwhile.
func TestMySQLLateCommitIsNotPassedOver(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s, raw := openMySQL(t, address), servertest.Connect(t, address)
		lease, err := s.Acquire(t.Context(), "relay", "relay", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		want := map[es.Stream]es.Version{}
		for round := range 5 {
			late := es.StreamOf("order", fmt.Sprint("late ", round))
			slow := begin(t, raw)
			insertAppend(t, slow, late)
			for range 3 {
				stream := es.StreamOf("order", rand.Text())
				want[stream] = 1
				if err := s.Append(t.Context(), addition(stream, 0, 1)); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := relayed(t.Context(), s, lease); n < 3 || err != nil {
				t.Fatalf("forwarded %d appends, want 3; error %v", n, err)
			}
			if err := slow.Commit(); err != nil {
				t.Fatal(err)
			}
			want[late] = 1
		}
		for n := 1; n > 0; {
			if n, err = relayed(t.Context(), s, lease); err != nil {
				t.Fatal(err)
			}
		}
		wantPublishedOnce(t, s, want)
		if head, err := s.Head(t.Context()); int(head) != len(want) || err != nil {
			t.Errorf("the feed ends at %d, want %d; error %v", head, len(want), err)
		}
	})
}

// insertAppend writes what an append of one event writes.
func insertAppend(t *testing.T, tx *sql.Tx, stream es.Stream) {
	t.Helper()
	if _, err := tx.Exec("INSERT INTO events (stream, version, id, type, `schema`, data, metadata, occurred_at) VALUES (?, 1, ?, 'order.tested', 1, '{}', '{}', 0)",
		string(stream), rand.Text()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("INSERT INTO outbox (stream, first_version, last_version) VALUES (?, 1, 1)", string(stream)); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback() }) // has ended by now, unless the test has failed
	return tx
}

func execTx(t *testing.T, tx *sql.Tx, statement string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// lockWaits is how many statements are under way in the database of a connection,
// beside the one that asks. A test that has nothing else to do there takes them for
// statements that wait for a lock.
func lockWaits(t *testing.T, raw *sql.DB) int {
	t.Helper()
	var n int
	err := raw.QueryRow(`SELECT COUNT(*) FROM information_schema.processlist
		WHERE db = DATABASE() AND command IN ('Execute', 'Query') AND id <> CONNECTION_ID()`).Scan(&n)
	if err != nil { // MySQL cannot list a statement of anybody's that holds bytes which are no UTF-8
		t.Log(err)
		return -1
	}
	return n
}

// waitFor waits for a condition.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	enough := time.After(30 * time.Second)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-enough:
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}
