package sqlstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// addition is an append of n records to a stream of its own, for a new command.
func addition(stream es.Stream, after es.Version, n int) es.Append {
	command := rand.Text()
	a := es.Append{Stream: stream, Expected: after, Outcome: es.Outcome{
		CommandID: command, CommandType: "order.test", Target: stream.ID(), Status: es.StatusSucceeded, Version: after + es.Version(n),
	}}
	for i := range n {
		a.Records = append(a.Records, es.Record{
			ID: rand.Text(), Stream: stream, Version: after + es.Version(i) + 1, Type: "order.tested", Schema: n, Data: []byte(`{}`),
			Metadata: es.Metadata{CommandID: command}, OccurredAt: time.Now().UTC().Truncate(time.Microsecond),
		})
	}
	return a
}

func accept(ctx context.Context, s *sqlstore.Store, a es.Append) error {
	_, _, err := s.Accept(ctx, es.Envelope{
		ID: a.Outcome.CommandID, Type: a.Outcome.CommandType, Target: a.Outcome.Target, Payload: []byte(`{}`), AcceptedAt: time.Now(),
	})
	return err
}

func versionOf(t *testing.T, s *sqlstore.Store, stream es.Stream) es.Version {
	t.Helper()
	var v es.Version
	for r, err := range s.Read(t.Context(), stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		v = r.Version
	}
	return v
}

// A statement that the database refuses may undo itself only, or the whole
// transaction, or leave what it did so far.
func TestSQLiteFailureHarmsNobodyElseInTheTransaction(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ABORT", "FAIL", "ROLLBACK"} {
		for _, table := range []string{"events", "outcomes"} {
			t.Run(kind+" in "+table, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "store.db")
				s, raw := openFile(t, path), openRaw(t, path)
				when := map[string]string{"events": "NEW.stream = 'order-bad'", "outcomes": "NEW.target = 'bad'"}[table]
				execRaw(t, raw, fmt.Sprintf(
					"CREATE TRIGGER refuse BEFORE INSERT ON %s WHEN %s BEGIN SELECT RAISE(%s, 'refused by a trigger'); END", table, when, kind))
				for range 3 {
					oneFails(t, s, func(release func()) {
						execRaw(t, raw, "BEGIN IMMEDIATE") // whatever is written now has to wait, and gathers
						release()
						execRaw(t, raw, "COMMIT")
					})
				}
				execRaw(t, raw, "DROP TRIGGER refuse")
				if err := s.Append(t.Context(), addition("order-bad", 0, 1)); err != nil {
					t.Errorf("with the trigger gone: %v", err)
				}
			})
		}
	}
}

// oneFails makes 64 appends at once, one of which is refused by the database.
func oneFails(t *testing.T, s *sqlstore.Store, hold func(release func())) {
	t.Helper()
	const writers, bad = 64, 20
	var all, begun sync.WaitGroup
	appends := make([]es.Append, writers)
	errs := make([]error, writers)
	for i := range appends {
		stream := es.StreamOf("order", rand.Text())
		if i == bad {
			stream = "order-bad"
		}
		appends[i] = addition(stream, 0, 2)
		if err := accept(t.Context(), s, appends[i]); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Backlog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hold(func() {
		begun.Add(writers)
		for i, a := range appends {
			all.Go(func() {
				begun.Done()
				errs[i] = s.Append(t.Context(), a)
			})
		}
		begun.Wait()
	})
	all.Wait()

	for i, a := range appends {
		o, err := s.Outcome(t.Context(), a.Outcome.CommandID)
		if err != nil {
			t.Fatal(err)
		}
		switch v := versionOf(t, s, a.Stream); {
		case i == bad && (errs[i] == nil || !strings.Contains(errs[i].Error(), "refused by a trigger")):
			t.Errorf("the refused append says %v", errs[i])
		case i == bad && (v != 0 || o.Status != es.StatusPending):
			t.Errorf("the refused append left version %d, outcome %s", v, o.Status)
		case i != bad && (errs[i] != nil || v != 2 || o.Status != es.StatusSucceeded):
			t.Errorf("append %d left version %d, outcome %s, error %v", i, v, o.Status, errs[i])
		}
	}
	after, err := s.Backlog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after-before != writers-1 {
		t.Errorf("%d appends went into the outbox, want %d", after-before, writers-1)
	}
}

func TestSQLiteMissingTableHarmsOnlyThoseWhoNeedIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s, raw := openFile(t, path), openRaw(t, path)
	views := sqlstore.OrderViews{Store: s}
	if err := estest.SaveOne(t.Context(), views, "first", query.Order{}, 0, 1); err != nil { // its statements are prepared
		t.Fatal(err)
	}
	execRaw(t, raw, "DROP TABLE order_views")
	const writers = 32
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
	if n, err := s.Backlog(t.Context()); n != writers || err != nil {
		t.Errorf("%d appends wait in the outbox, want %d; error %v", n, writers, err)
	}
}

func TestSQLiteGoesOnAfterAnotherProcessHeldTheFileForTooLong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s, raw := openFile(t, path), openRaw(t, path)
	first, second := addition("order-1", 0, 1), addition("order-1", 0, 1)
	execRaw(t, raw, "BEGIN IMMEDIATE")
	err := s.Append(t.Context(), first) // waits as long as busy_timeout says
	execRaw(t, raw, "COMMIT")
	if err == nil {
		t.Fatal("an append went through while another process held the file")
	}
	if err := s.Append(t.Context(), second); err != nil {
		t.Errorf("with the file free again: %v", err)
	}
	if v := versionOf(t, s, "order-1"); v != 1 {
		t.Errorf("the stream is at version %d, want 1", v)
	}
}

func TestSQLiteWritesWaitForALockedFileTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s, raw := openFile(t, path), openRaw(t, path)
	execRaw(t, raw, "BEGIN IMMEDIATE")
	const writers = 8 // one after the other they would wait for 40 seconds
	refused := make(chan error, writers)
	for range writers {
		go func() { refused <- s.Append(t.Context(), addition(es.StreamOf("order", rand.Text()), 0, 1)) }()
	}
	enough := time.After(25 * time.Second)
	for range writers {
		select {
		case err := <-refused:
			if err == nil {
				t.Error("an append went through while another process held the file")
			}
		case <-enough:
			t.Fatal("the writes wait one after the other")
		}
	}
	execRaw(t, raw, "COMMIT")
}
