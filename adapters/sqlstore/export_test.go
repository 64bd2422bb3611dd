package sqlstore

import (
	"context"
	"database/sql"
)

// Pool is the pool of connections, for tests of what is set on each of them.
func (s *Store) Pool() *sql.DB { return s.db }

// MigrateTo brings the schema to an earlier version than the latest, for tests of
// upgrades.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	p, err := s.migrations()
	if err == nil {
		_, err = p.UpTo(ctx, version)
	}
	return err
}
