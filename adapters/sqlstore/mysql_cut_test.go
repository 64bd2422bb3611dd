package sqlstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
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

// An error from COMMIT means that nobody knows. Whichever it was, the write is
// there once, and its caller is told so.
func TestMySQLWritesTakeEffectOnceWhenTheConnectionBreaksAtCommit(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		p := startProxy(t, address)
		s := openMySQL(t, p.address)
		lease, err := s.Acquire(t.Context(), "relay", "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		var want es.Position
		for name, where := range map[string]cut{"before the server": beforeServer, "halfway": halfway, "unanswered": unanswered} {
			t.Run(name, func(t *testing.T) {
				stream := es.StreamOf("order", rand.Text())
				a := addition(stream, 0, 2)
				p.cutOnce(where)
				_, known, err := s.Accept(t.Context(), es.Envelope{ID: a.Outcome.CommandID, Payload: []byte(`{}`), AcceptedAt: time.Now()})
				if known || err != nil {
					t.Errorf("accept: known %v, error %v; nobody else sends it", known, err)
				}
				p.cutOnce(where)
				if err := s.Append(t.Context(), a); err != nil && (where != unanswered || !errors.Is(err, es.ErrDecided)) {
					t.Errorf("append: %v", err)
				}
				if v := versionOf(t, s, stream); v != 2 {
					t.Errorf("the stream is at version %d, want 2", v)
				}
				p.cutOnce(where)
				pending, err := s.Pending(t.Context(), 10)
				if err := errors.Join(err, s.Forward(t.Context(), lease, pending)); err != nil {
					t.Errorf("forward: %v", err)
				}
				want += 2
				if head, err := s.Head(t.Context()); head != want || err != nil {
					t.Errorf("the feed ends at %d, want %d; error %v", head, want, err)
				}
				finished := addition(es.StreamOf("order", rand.Text()), 0, 1).Outcome
				p.cutOnce(where)
				if err := s.Finish(t.Context(), finished); err != nil && (where != unanswered || !errors.Is(err, es.ErrDecided)) {
					t.Errorf("finish: %v", err)
				}
				if o, err := s.Outcome(t.Context(), finished.CommandID); o != finished || err != nil {
					t.Errorf("the outcome is %+v, error %v", o, err)
				}
				wantSavedOnce(t, p, where, s)
			})
		}
	})
}

func wantSavedOnce(t *testing.T, p *proxy, where cut, s *sqlstore.Store) {
	t.Helper()
	id := rand.Text()
	views, processes := sqlstore.OrderViews{Store: s}, processesOf(s, "checkout")
	for from := range es.Version(2) {
		p.cutOnce(where)
		err := estest.SaveOne(t.Context(), views, id, query.Order{}, from, from+1)
		if err != nil && (where != unanswered || !errors.Is(err, es.ErrConflict)) {
			t.Errorf("save a view at %d: %v", from, err)
		}
		if v, err := (sqlstore.ViewVersions{Store: s}).Seen(t.Context(), es.StreamOf("order", id)); v != from+1 || err != nil {
			t.Errorf("the view is at version %d, want %d; error %v", v, from+1, err)
		}
		command := es.Envelope{ID: rand.Text(), Payload: []byte(`{}`), AcceptedAt: time.Now()}
		p.cutOnce(where)
		move := estest.MoveOf(id, from, from+1, estest.State{Count: int64(from)}, command)
		move.Seen = map[es.Stream]es.Version{es.StreamOf("order", id): from + 1}
		if err := estest.MoveOne(t.Context(), processes, move); err != nil {
			t.Errorf("move a process at %d: %v; its commands are not sent", from, err)
		}
		if o, err := s.Outcome(t.Context(), command.ID); o.Status != es.StatusPending || err != nil {
			t.Errorf("the command of a process has outcome %+v, error %v", o, err)
		}
	}
	found, err := processes.Load(t.Context(), []string{id})
	if err != nil || found[id].Version != 2 {
		t.Errorf("the process is at version %d, want 2; error %v", found[id].Version, err)
	}
	stream := es.StreamOf("order", id)
	if seen, err := processes.Seen(t.Context(), []es.Stream{stream}); err != nil || seen[stream] != 2 {
		t.Errorf("the process has seen its stream up to %d, want 2; error %v", seen[stream], err)
	}
}

// attempt is an append and what its caller was told.
type attempt struct {
	es.Append
	err error
}

// Connections break at any place, and sometimes none is to be had for a while.
func TestMySQLKeepsItsWordWhileConnectionsBreak(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		const cuts, writers = 60, 8
		p, direct := startProxy(t, address), openMySQL(t, address)
		s := openMySQL(t, p.address)
		var done atomic.Int64
		var stop atomic.Bool
		p.cutAt(func(c command) cut {
			if mathrand.IntN(40) > 0 && !(c.isCommit() && mathrand.IntN(4) == 0) {
				return noCut
			}
			if n := done.Add(1); n > cuts {
				stop.Store(true)
				return noCut
			} else if n%10 == 0 {
				p.refusing.Store(true)
				time.AfterFunc(20*time.Millisecond, func() { p.refusing.Store(false) })
			}
			return cut(1 + mathrand.IntN(3))
		})
		attempts := make([][]attempt, writers)
		var all, relay sync.WaitGroup
		relay.Go(func() {
			anything := func(error) bool { return true }
			if err := relayUntil(t.Context(), s, "relay", time.Hour, &stop, anything); err != nil {
				t.Errorf("relay: %v", err)
			}
		})
		for i := range writers {
			all.Go(func() { attempts[i] = appendUntil(t, s, direct, es.StreamOf("order", fmt.Sprint(i)), &stop) })
		}
		all.Wait()
		relay.Wait()

		want := map[es.Stream]es.Version{}
		for i, each := range attempts {
			stream := es.StreamOf("order", fmt.Sprint(i))
			want[stream] = versionOf(t, direct, stream)
			wantTruth(t, direct, stream, each)
		}
		wantPublishedOnce(t, direct, want)
	})
}

// appendUntil appends to a stream and brings its view along, until it is told to
// stop, and returns what it was told about each append.
func appendUntil(t *testing.T, s, direct *sqlstore.Store, stream es.Stream, stop *atomic.Bool) []attempt {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all []attempt
	views, told := sqlstore.OrderViews{Store: s}, sqlstore.ViewVersions{Store: direct}
	for version := es.Version(0); !stop.Load(); {
		if ctx.Err() != nil {
			t.Error("gave up waiting for enough cuts")
			break
		}
		a := addition(stream, version, 1+int(version)%3)
		_, known, err := s.Accept(ctx, es.Envelope{ID: a.Outcome.CommandID, Type: "order.test", Target: stream.ID(), Payload: []byte(`{}`), AcceptedAt: time.Now()})
		if known {
			t.Errorf("a new command is said to be known, error %v", err)
		}
		err = s.Append(ctx, a)
		// What the one before was cut off in may be committed as late as this.
		n := len(all)
		if errors.Is(err, es.ErrConflict) && (n == 0 || all[n-1].err == nil) {
			t.Errorf("append to %s: %v, though nobody else does", stream, err)
		}
		all = append(all, attempt{a, err})
		if version = versionOf(t, direct, stream); version == 0 {
			continue
		}
		seen, err := told.Seen(ctx, stream)
		if err != nil {
			t.Error(err)
			break
		}
		_ = estest.SaveOne(ctx, views, stream.ID(), query.Order{}, seen, version) // told by what is seen next
		if now, err := told.Seen(ctx, stream); err != nil || now != seen && now != version {
			t.Errorf("the view went from version %d to %d, want %d; error %v", seen, now, version, err)
		}
	}
	return all
}

// wantTruth compares a stream with what its writer was told.
func wantTruth(t *testing.T, s *sqlstore.Store, stream es.Stream, attempts []attempt) {
	t.Helper()
	kept := map[string]int{}
	next := es.Version(1)
	for r, err := range s.Read(t.Context(), stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Version != next {
			t.Errorf("%s has version %d where %d belongs", stream, r.Version, next)
		}
		next++
		kept[r.Metadata.CommandID]++
	}
	for _, a := range attempts {
		id, n := a.Outcome.CommandID, kept[a.Outcome.CommandID]
		there := a.err == nil || errors.Is(a.err, es.ErrDecided)
		if n != len(a.Records) && (n != 0 || there) {
			t.Errorf("append %s has %d of %d records, and its caller was told %v", id, n, len(a.Records), a.err)
		}
		o, err := s.Outcome(t.Context(), id)
		decided := err == nil && o.Status == es.StatusSucceeded
		if err != nil && !errors.Is(err, es.ErrUnknownCommand) || decided != (n > 0) {
			t.Errorf("append %s has %d records and outcome %+v, error %v", id, n, o, err)
		}
		delete(kept, id)
	}
	if len(kept) > 0 {
		t.Errorf("%s holds records of %d appends that nobody has made", stream, len(kept))
	}
}

// Servers, and what stands before them, close connections that nobody uses.
func TestMySQLWritesThoughTheServerHasClosedItsConnection(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		openMySQL(t, address) // and migrate
		s, err := sqlstore.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() }) // may say that it has lost connections
		raw := servertest.Connect(t, address)
		raw.SetMaxOpenConns(1)
		for version := range es.Version(5) {
			if err := s.Append(t.Context(), addition("order-1", version, 1)); err != nil {
				t.Fatalf("append at %d: %v", version, err)
			}
			if v := versionOf(t, s, "order-1"); v != version+1 {
				t.Errorf("the stream is at version %d, want %d", v, version+1)
			}
			var ids []int
			rows, err := raw.Query("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var id int
				if err := rows.Scan(&id); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(ids) == 0 {
				t.Fatalf("the store has %d connections, error %v", len(ids), err)
			}
			for _, id := range ids {
				execRaw(t, raw, fmt.Sprint("KILL ", id))
			}
			waitFor(t, "the connections are gone", func() bool {
				var left int
				err := raw.QueryRow("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()").Scan(&left)
				return err == nil && left == 0
			})
		}
	})
}
