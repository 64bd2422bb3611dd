package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// Acquire implements es.Leases. A holder whose process is known to be dead is
// not waited for (see gone). Time is the database's: it is the same for all.
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (es.Lease, error) {
	lease := es.Lease{Name: name, Holder: holder}
	err := s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		var (
			current string
			expires int64
		)
		lease.Epoch = 0
		err := t.each(ctx, "SELECT holder, epoch, expires_at FROM leases WHERE name = ?"+t.dialect.forUpdate, []any{name}, func(rows *sql.Rows) error {
			return rows.Scan(&current, &lease.Epoch, &expires)
		})
		if err != nil {
			return fmt.Errorf("read lease %s: %w", name, err)
		}
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		from := es.Version(lease.Epoch)
		switch {
		case current == holder && from > 0:
		case from > 0 && now < expires && !gone(current, holder):
			return es.ErrFenced
		default:
			lease.Epoch++
		}
		var row states
		row.add(from, name, holder, lease.Epoch, now+ttl.Microseconds())
		return row.save(ctx, t, "leases", "name, holder, epoch, expires_at", t.dialect.upsert("name", "holder", "epoch", "expires_at"))
	})
	return lease, err
}

// holds tells whether a lease is still what it was when it was acquired, and keeps
// it so until the transaction ends.
func holds(ctx context.Context, t *tx, l es.Lease) (bool, error) {
	var held int
	err := t.each(ctx, "SELECT 1 FROM leases WHERE name = ? AND holder = ? AND epoch = ?"+t.dialect.forUpdate,
		[]any{l.Name, l.Holder, l.Epoch}, func(rows *sql.Rows) error { return rows.Scan(&held) })
	if err != nil {
		return false, fmt.Errorf("check lease %s: %w", l.Name, err)
	}
	return held > 0, nil
}
