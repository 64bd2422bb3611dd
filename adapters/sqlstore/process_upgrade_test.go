package sqlstore_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

func TestSQLiteUpgradesProcesses(t *testing.T) {
	t.Parallel()
	upgradesProcesses(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"), false)
}

func TestMySQLUpgradesProcesses(t *testing.T) {
	onServers(t, func(t *testing.T, address string) { upgradesProcesses(t, address, false) })
}

// The server commits every change of a table at once, so that a migration may break
// off anywhere.
func TestMySQLUpgradesProcessesThoughItBrokeOff(t *testing.T) {
	onServers(t, func(t *testing.T, address string) { upgradesProcesses(t, address, true) })
}

// upgradesProcesses migrates a store as it was before processes had streams. Nobody
// may be charged again for an order that is there.
func upgradesProcesses(t *testing.T, address string, brokeOff bool) {
	s, err := sqlstore.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.MigrateTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	orders := map[es.Stream]es.Version{"order-1": 3, "order-Abc-1": 1, "order-aBC-1": 2, "order-": 1}
	others := []es.Stream{"ORDER-1", "orders-1", "order.1", "order", "payment-1", "xorder-1"}
	var feed es.Position
	for stream, v := range orders {
		appendAndFeed(t, s, addition(stream, 0, int(v)), &feed)
	}
	for _, stream := range others {
		appendAndFeed(t, s, addition(stream, 0, 1), &feed)
	}
	execRaw(t, s.Pool(), "INSERT INTO processes (name, id, version, state) VALUES ('checkout', '1', 3, '{}'), ('payments', '1', 2, '{}')",
		"INSERT INTO checkpoints (handler, position) VALUES ('checkout', 5), ('payments', 5), ('order-views', 4)")
	if brokeOff {
		execRaw(t, s.Pool(), "DROP TABLE processes", "CREATE TABLE process_streams (name INT)")
	}

	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantUpgraded(t, s, orders, others, feed)
}

func wantUpgraded(t *testing.T, s *sqlstore.Store, orders map[es.Stream]es.Version, others []es.Stream, feed es.Position) {
	t.Helper()
	checkout := processesOf(s, "checkout")
	for stream, v := range orders {
		var id string
		err := s.Pool().QueryRow("SELECT id FROM process_streams WHERE name = 'checkout' AND stream = '" + string(stream) + "' ").Scan(&id)
		if err != nil || id != stream.ID() {
			t.Errorf("%s belongs to process %q, want %q; error %v", stream, id, stream.ID(), err)
		}
		if seen, err := checkout.Seen(t.Context(), []es.Stream{stream}); err != nil || seen[stream] != v {
			t.Errorf("checkout has seen %s up to %d, want %d; error %v", stream, seen[stream], v, err)
		}
	}
	progress := s.ProcessProgress("checkout", nil)
	if at, err := progress.Checkpoint(t.Context()); at != 0 || err != nil {
		t.Errorf("checkout begins at %d, want 0; error %v", at, err)
	}
	keys, _, err := progress.Behind(t.Context(), 0, feed, 1000)
	slices.Sort(keys)
	var want []string
	for _, stream := range others {
		want = append(want, string(stream))
	}
	slices.Sort(want)
	if err != nil || !slices.Equal(keys, want) {
		t.Errorf("checkout has not seen %q, want %q; error %v", keys, want, err)
	}
	if at, err := s.ViewProgress("order-views", "order", "order_views").Checkpoint(t.Context()); at != 4 || err != nil {
		t.Errorf("the view begins at %d, want 4; error %v", at, err)
	}
	for _, name := range []string{"checkout", "payments"} {
		if found, err := processesOf(s, name).Load(t.Context(), []string{"1"}); len(found) > 0 || err != nil {
			t.Errorf("there are processes %+v of %s, want none; error %v", found, name, err)
		}
	}
	move := estest.MoveOf("1", 0, 1, estest.State{})
	move.Seen = map[es.Stream]es.Version{"order-1": 4}
	if err := estest.MoveOne(t.Context(), checkout, move); err != nil {
		t.Errorf("a process that begins after the upgrade: %v", err)
	}
}

func appendAndFeed(t *testing.T, s *sqlstore.Store, a es.Append, feed *es.Position) {
	t.Helper()
	lease, err := s.Acquire(t.Context(), "relay", "a", time.Hour)
	err = errors.Join(err, s.Append(t.Context(), a))
	pending, look := s.Pending(t.Context(), 1000)
	if err := errors.Join(err, look, s.Forward(t.Context(), lease, pending)); err != nil {
		t.Fatal(err)
	}
	if *feed, err = s.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// testProgressOfTypes wants a process manager to be told of the events that it answers
// alone.
func testProgressOfTypes(t *testing.T, open func(*testing.T) estest.Store) {
	t.Parallel()
	s := open(t).(*sqlstore.Store)
	var feed es.Position
	for stream, types := range map[es.Stream][]string{
		"order-1": {"created", "paid", "noted"}, "order-2": {"created", "noted"}, "payment-1": {"debited"}, "ticket-1": {"Paid"},
	} {
		a := addition(stream, 0, len(types))
		for i := range a.Records {
			a.Records[i].Type = types[i]
		}
		appendAndFeed(t, s, a, &feed)
	}
	progress := s.ProcessProgress("checkout", []string{"paid", "debited"})
	behind := func(want ...string) {
		t.Helper()
		keys, _, err := progress.Behind(t.Context(), 0, feed, 1000)
		if slices.Sort(keys); err != nil || !slices.Equal(keys, want) {
			t.Errorf("not seen are %q, want %q; error %v", keys, want, err)
		}
	}
	other := estest.MoveOf("1", 0, 1, estest.State{}) // of another manager, which has seen all of it
	other.Seen = map[es.Stream]es.Version{"order-1": 3, "payment-1": 1}
	mustMove(t, s, "kitchen", other)
	behind("order-1", "payment-1")
	move := estest.MoveOf("1", 0, 1, estest.State{})
	move.Seen = map[es.Stream]es.Version{"order-1": 1, "payment-1": 1}
	mustMove(t, s, "checkout", move)
	behind("order-1")
	move = estest.MoveOf("1", 1, 2, estest.State{})
	move.Seen = map[es.Stream]es.Version{"order-1": 2} // what comes after it is nothing to answer
	mustMove(t, s, "checkout", move)
	behind()
}
