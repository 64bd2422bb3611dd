package sqlstore_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// A row that the server refuses undoes its statement only.
func TestMySQLFailureHarmsNobodyElseInTheTransaction(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s, raw := openMySQL(t, address), servertest.Connect(t, address)
		for table, allowed := range map[string]string{"events": "stream <> 'order-bad'", "outcomes": "target <> 'bad'"} {
			execRaw(t, raw, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT `refused by a trigger` CHECK (%s)", table, allowed))
			for range 3 {
				oneFails(t, s, func(release func()) {
					// The writer waits here with a transaction of one write while the others gather.
					lease, err := s.Acquire(t.Context(), "follow held", "a", time.Hour)
					if err != nil {
						t.Fatal(err)
					}
					hold := begin(t, raw)
					execTx(t, hold, "INSERT INTO checkpoints (handler, position) VALUES ('held', 1)")
					held := make(chan error, 1)
					go func() { held <- s.ViewProgress("held", "order", "order_views").Reached(t.Context(), lease, 1) }()
					waitFor(t, "the writer waits", func() bool { return lockWaits(t, raw) == 1 })
					release()
					if err := errors.Join(hold.Rollback(), <-held); err != nil {
						t.Error(err)
					}
					execRaw(t, raw, "DELETE FROM checkpoints")
				})
			}
			execRaw(t, raw, "ALTER TABLE "+table+" DROP CONSTRAINT `refused by a trigger`")
		}
		if err := s.Append(t.Context(), addition("order-bad", 0, 1)); err != nil {
			t.Errorf("with the constraints gone: %v", err)
		}
	})
}

func TestMySQLKeyThatIsTooLongHarmsNobodyElse(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s := openMySQL(t, address)
		long := strings.Repeat("x", 256)
		streams := make([]es.Stream, 32)
		for i := range streams {
			streams[i] = es.StreamOf("order", rand.Text())
		}
		streams[7] = es.Stream(long)
		for i, err := range atOnce(len(streams), func(i int) error { return s.Append(t.Context(), addition(streams[i], 0, 1)) }) {
			if (err == nil) != (i != 7) {
				t.Errorf("append %d: %v", i, err)
			}
		}
		for i, err := range atOnce(len(streams), func(i int) error {
			a := addition(streams[i], 1, 1)
			if i == 7 {
				a.Stream, a.Outcome.CommandID = "order-1", long
			}
			return accept(t.Context(), s, a)
		}) {
			if (err == nil) != (i != 7) {
				t.Errorf("accept %d: %v", i, err)
			}
		}
		if n, err := s.Backlog(t.Context()); n != len(streams)-1 || err != nil {
			t.Errorf("%d appends wait in the outbox, want %d; error %v", n, len(streams)-1, err)
		}
	})
}

func TestMySQLMissingTableHarmsOnlyThoseWhoNeedIt(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s, raw := openMySQL(t, address), servertest.Connect(t, address)
		views := sqlstore.OrderViews{Store: s}
		if err := estest.SaveOne(t.Context(), views, "first", query.Order{}, 0, 1); err != nil { // its statements are prepared
			t.Fatal(err)
		}
		execRaw(t, raw, "DROP TABLE order_views")
		const writers = 16
		var all sync.WaitGroup
		appends, saves := make([]error, writers), make([]error, writers)
		for i := range writers {
			all.Go(func() { appends[i] = s.Append(t.Context(), addition(es.StreamOf("order", rand.Text()), 0, 1)) })
			all.Go(func() { saves[i] = estest.SaveOne(t.Context(), views, rand.Text(), query.Order{}, 0, 1) })
		}
		all.Wait()
		if err := errors.Join(appends...); err != nil {
			t.Errorf("appends fail: %v", err)
		}
		if slices.Contains(saves, nil) {
			t.Error("a view was saved, though there is no table")
		}
	})
}

// Whoever locks rows in another order than we do makes deadlocks; the server ends
// one of the two transactions, often ours.
func TestMySQLDeadlocksFailNoWrite(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores, raw := openStores(t, address, 2), servertest.Connect(t, address)
		const savers, rounds = 8, 15
		id := func(i int) string { return fmt.Sprint("view ", i) }
		for i := range savers {
			if err := saveBoth(t, stores[0], id(i), 0); err != nil {
				t.Fatal(err)
			}
		}
		var stop atomic.Bool
		var other, all sync.WaitGroup
		other.Go(func() {
			for !stop.Load() {
				tx, err := raw.BeginTx(t.Context(), nil)
				for i := savers - 1; err == nil && i >= 0; i-- { // processes first, and last to first
					if _, err = tx.Exec("UPDATE processes SET state = state WHERE id = ? AND name = 'checkout'", id(i)); err == nil {
						_, err = tx.Exec("SELECT version FROM order_views WHERE id = ? FOR UPDATE", id(i))
					}
				}
				tx.Rollback() // it has changed nothing, and is often undone already
			}
		})
		for i := range savers {
			all.Go(func() {
				for round := range es.Version(rounds) {
					s := stores[i%len(stores)]
					if err := errors.Join(saveBoth(t, s, id(i), round+1), s.Append(t.Context(), addition(es.StreamOf("order", id(i)), round, 1))); err != nil {
						t.Errorf("round %d of %s: %v", round, id(i), err)
						return
					}
				}
			})
		}
		all.Wait()
		stop.Store(true)
		other.Wait()
		if n, err := stores[0].Backlog(t.Context()); n != savers*rounds || err != nil {
			t.Errorf("%d appends wait in the outbox, want %d; error %v", n, savers*rounds, err)
		}
	})
}

// saveBoth brings a view and a process one version further, side by side.
func saveBoth(t *testing.T, s *sqlstore.Store, id string, from es.Version) error {
	errs := atOnce(2, func(i int) error {
		if i == 0 {
			return estest.SaveOne(t.Context(), sqlstore.OrderViews{Store: s}, id, query.Order{}, from, from+1)
		}
		return estest.MoveOne(t.Context(), processesOf(s, "checkout"), estest.MoveOf(id, from, from+1, estest.State{}))
	})
	return errors.Join(errs...)
}

// A row that somebody has locked for long holds up who needs it, and nobody else
// for longer than a lock is waited for.
func TestMySQLLockedRowHoldsUpNobodyElseForLong(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s, raw := openMySQL(t, address), servertest.Connect(t, address)
		if err := saveBoth(t, s, "held", 0); err != nil {
			t.Fatal(err)
		}
		hold := begin(t, raw)
		execTx(t, hold, "SELECT version FROM order_views WHERE id = 'held' FOR UPDATE")
		execTx(t, hold, "INSERT INTO outcomes (command_id, type, target, status, version, problem, decided_at) VALUES ('held', '', '', '', 0, 'null', 0)")

		saved := make(chan error, 1)
		begun := time.Now()
		go func() { saved <- saveBoth(t, s, "held", 1) }()
		waitFor(t, "the save waits", func() bool { return lockWaits(t, raw) == 1 })
		for i, err := range atOnce(32, func(int) error { return s.Append(t.Context(), addition(es.StreamOf("order", rand.Text()), 0, 1)) }) {
			if err != nil {
				t.Errorf("append %d: %v", i, err)
			}
		}
		if took := time.Since(begun); took > 9*time.Second { // ten waits for a lock take 10s
			t.Errorf("the appends took %v, though they need nothing that is locked", took)
		}
		held := addition("order-held", 0, 1)
		held.Outcome.CommandID = "held"
		appended := make(chan error, 1)
		go func() { appended <- s.Append(t.Context(), held) }()
		waitFor(t, "more than one wait for a lock is over", func() bool { return time.Since(begun) > 2500*time.Millisecond })
		if err := hold.Rollback(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(<-saved, <-appended); err != nil {
			t.Errorf("with the lock gone: %v", err)
		}
		if v := versionOf(t, s, "order-held"); v != 1 {
			t.Errorf("the stream is at version %d, want 1", v)
		}
	})
}

// The server ends the smaller of two transactions that wait for each other. Here
// that is ours, which consists of one write.
func TestMySQLVictimOfADeadlockRunsAgain(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s, raw := openMySQL(t, address), servertest.Connect(t, address)
		views := sqlstore.OrderViews{Store: s}
		if err := estest.SaveOne(t.Context(), views, "1", query.Order{}, 0, 1); err != nil {
			t.Fatal(err)
		}
		for from := es.Version(1); from < 4; from++ {
			larger := begin(t, raw)
			for i := range 200 {
				execTx(t, larger, "INSERT INTO checkpoints (handler, position) VALUES (?, 1)", fmt.Sprint(i))
			}
			execTx(t, larger, "UPDATE order_search SET words = CONCAT(words, ' .') WHERE id = '1'")
			saved := make(chan error, 1)
			go func() { // its words are new, so that it changes both tables
				cart := order.Cart{{Title: fmt.Sprint("pizza ", from)}}
				saved <- estest.SaveOne(t.Context(), views, "1", query.Order{Items: cart}, from, from+1)
			}()
			waitFor(t, "the save waits", func() bool { return lockWaits(t, raw) == 1 })
			execTx(t, larger, "SELECT version FROM order_views WHERE id = '1' FOR UPDATE")
			if err := larger.Rollback(); err != nil {
				t.Fatal(err)
			}
			if err := <-saved; err != nil {
				t.Errorf("the victim: %v", err)
			}
		}
		if v, err := (sqlstore.ViewVersions{Store: s}).Seen(t.Context(), "order-1"); v != 4 || err != nil {
			t.Errorf("the view is at version %d, want 4; error %v", v, err)
		}
	})
}
