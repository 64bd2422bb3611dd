package sqlstore_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// A collation takes some of these for the same.
func TestMySQLKeepsIDsApart(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s := openMySQL(t, address)
		views := sqlstore.OrderViews{Store: s}
		ids := []string{"Abc-1", "aBC-1", "abc-1", "Abc-1 ", " Abc-1", "Abc-1\t", "Äbc-1", "A\u0308bc-1", "Abc-1\x00", "ß", "ss", "🍕", "🍔", "\xff"}
		for i, id := range ids {
			version := es.Version(i + 1)
			a := addition(es.StreamOf("order", id), 0, int(version))
			a.Outcome.CommandID = id
			if err := accept(t.Context(), s, a); err != nil {
				t.Fatalf("accept %q: %v", id, err)
			}
			if err := s.Append(t.Context(), a); err != nil {
				t.Fatalf("append to %q: %v", id, err)
			}
			customer := query.Order{CustomerID: id}
			if err := estest.SaveOne(t.Context(), views, id, customer, 0, version); err != nil {
				t.Fatalf("save view %q: %v", id, err)
			}
			if err := estest.MoveOne(t.Context(), processesOf(s, "checkout"), estest.MoveOf(id, 0, version, estest.State{})); err != nil {
				t.Fatalf("save process %q: %v", id, err)
			}
			if _, err := s.Acquire(t.Context(), id, id, time.Hour); err != nil {
				t.Fatalf("acquire %q: %v", id, err)
			}
		}
		states, err := processesOf(s, "checkout").Load(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			want := es.Version(i + 1)
			o, err := s.Outcome(t.Context(), id)
			if err != nil || o.Version != want {
				t.Errorf("command %q has outcome version %d, want %d; error %v", id, o.Version, want, err)
			}
			seen, err := sqlstore.ViewVersions{Store: s}.Seen(t.Context(), es.StreamOf("order", id))
			if v := versionOf(t, s, es.StreamOf("order", id)); v != want || seen != want || states[id].Version != want || err != nil {
				t.Errorf("%q is at version %d, its view at %d, its process at %d, want %d; error %v", id, v, seen, states[id].Version, want, err)
			}
			list, err := views.List(t.Context(), query.ListOrders{CustomerID: id, Limit: 10})
			if err != nil || len(list) != 1 || string(list[0].ID) != id {
				t.Errorf("customer %q has %d orders, want 1; error %v", id, len(list), err)
			}
		}
	})
}

// Together these are more than a server takes in one packet.
func TestMySQLTakesManyLargePayloadsAtOnce(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s := openMySQL(t, address)
		const writers = 72
		data := make([]byte, 1<<20)
		rand.Read(data)
		appends := make([]es.Append, writers)
		for i := range appends {
			appends[i] = addition(es.StreamOf("order", rand.Text()), 0, 1)
			appends[i].Records[0].Data = slices.Concat(data[i:], data[:i])
		}
		for i, err := range atOnce(writers, func(i int) error { return s.Append(t.Context(), appends[i]) }) {
			if err != nil {
				t.Fatalf("append %d: %v", i, err)
			}
		}
		for i := 0; i < writers; i += 8 {
			for r, err := range s.Read(t.Context(), appends[i].Stream, 0) {
				if err != nil || !bytes.Equal(r.Data, appends[i].Records[0].Data) {
					t.Errorf("payload %d is not what was appended; error %v", i, err)
				}
			}
		}
		pending, err := s.Pending(t.Context(), writers)
		if len(pending) != writers || err != nil {
			t.Errorf("%d appends wait in the outbox, want %d; error %v", len(pending), writers, err)
		}
	})
}

func TestMySQLKeepsAnyPayload(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s := openMySQL(t, address)
		for name, data := range map[string][]byte{
			"empty":                   {},
			"four bytes for a letter": []byte(`"🍕🍔 𝕏"`),
			"no UTF-8":                {0xff, 0xfe, 0x00, 0x80},
			"quotes and backslashes":  []byte(`'"\'' -- ;` + "\x1a"),
			"8 MiB":                   bytes.Repeat([]byte("x"), 8<<20),
		} {
			a := addition(es.StreamOf("order", rand.Text()), 0, 1)
			a.Records[0].Data = data
			if err := s.Append(t.Context(), a); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for r, err := range s.Read(t.Context(), a.Stream, 0) {
				if err != nil || !bytes.Equal(r.Data, data) {
					t.Errorf("%s: comes back as %d bytes, error %v", name, len(r.Data), err)
				}
			}
		}
	})
}
