package sqlstore

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// Pool is the pool of connections, for tests of what is set on each of them.
func (s *Store) Pool() *sql.DB { return s.db }

// MigrateTo brings the schema to an earlier version than the latest, for tests of
// upgrades.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	return s.migrate(ctx, func(p *goose.Provider) error {
		_, err := p.UpTo(ctx, version)
		return err
	})
}

// OpenMySQL makes a pool whose statements may take a time.
var OpenMySQL = openMySQL

// OnceSQLite changes the schema beside others who do.
var OnceSQLite = onceSQLite
