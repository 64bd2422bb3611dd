package sqlstore_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
	"github.com/millrace/millrace/internal/servertest"
)

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

func (s inTurn) Learn(ctx context.Context, o es.Outcome) (es.Outcome, error) {
	return s.next().Learn(ctx, o)
}

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
	t.Run("hearsay", func(t *testing.T) { estest.TestHearsay(t, open) })
	t.Run("mirrors", func(t *testing.T) { estest.TestMirrors(t, open) })
	t.Run("processes", func(t *testing.T) {
		estest.TestProcesses(t, open, func(s estest.Store, name string) estest.Processes {
			return processesInTurn{s.(inTurn), name}
		})
	})
}
