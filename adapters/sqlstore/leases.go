package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// Acquire implements es.Leases. A holder whose process is known to be dead is
// not waited for (see gone).
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (es.Lease, error) {
	lease := es.Lease{Name: name, Holder: holder}
	err := s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		var (
			current string
			expires int64
			now     = time.Now()
		)
		lease.Epoch = 0
		err := t.each(ctx, "SELECT holder, epoch, expires_at FROM leases WHERE name = ?", []any{name}, func(rows *sql.Rows) error {
			return rows.Scan(&current, &lease.Epoch, &expires)
		})
		if err != nil {
			return fmt.Errorf("read lease %s: %w", name, err)
		}
		switch {
		case current == holder:
		case current != "" && now.UnixMicro() < expires && !gone(current, holder):
			return es.ErrFenced
		default:
			lease.Epoch++
		}
		return t.insert(ctx, "leases", "name, holder, epoch, expires_at",
			t.upsert("name", "holder", "epoch", "expires_at"),
			[][]any{{name, holder, lease.Epoch, now.Add(ttl).UnixMicro()}})
	})
	return lease, err
}

// holds tells whether a lease is still what it was when it was acquired.
func holds(ctx context.Context, t *tx, l es.Lease) (bool, error) {
	var held int
	err := t.each(ctx, "SELECT COUNT(*) FROM leases WHERE name = ? AND holder = ? AND epoch = ?",
		[]any{l.Name, l.Holder, l.Epoch}, func(rows *sql.Rows) error { return rows.Scan(&held) })
	if err != nil {
		return false, fmt.Errorf("check lease %s: %w", l.Name, err)
	}
	return held > 0, nil
}
