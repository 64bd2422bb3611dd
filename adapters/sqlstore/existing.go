package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pressly/goose/v3"
)

var (
	// ErrNoStore says that nothing has been kept at an address yet.
	ErrNoStore = errors.New("there is no store")

	// ErrOldSchema says that a store has to be migrated before it can be used.
	ErrOldSchema = errors.New("the schema is older than this version of millrace")
)

// OpenExisting opens a store as Open does, and makes none. It returns ErrNoStore if
// there is none at the address, and ErrOldSchema if Migrate has to be called first.
func OpenExisting(ctx context.Context, address string) (*Store, error) {
	d, rest, err := dialectOf(address)
	if err != nil {
		return nil, err
	}
	if d.absent != nil && d.absent(rest) {
		return nil, fmt.Errorf("open store %s: %w", Shown(address), ErrNoStore)
	}
	s, err := Open(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := s.checkSchema(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", Shown(address), err), s.Close())
	}
	return s, nil
}

// checkSchema tells whether a store has been migrated, without changing anything.
func (s *Store) checkSchema(ctx context.Context) error {
	var (
		tables           int
		version, current int64
	)
	if err := s.queryRow(ctx, s.dialect.tables, []any{goose.DefaultTablename}, &tables); err != nil {
		return fmt.Errorf("look for the schema: %w", err)
	}
	if tables == 0 {
		return ErrNoStore
	}
	if err := s.queryRow(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+goose.DefaultTablename, nil, &version); err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	p, err := s.migrations(s.db)
	if err != nil {
		return err
	}
	for _, m := range p.ListSources() {
		current = max(current, m.Version)
	}
	if version < current {
		return fmt.Errorf("%w: it is at version %d, want %d", ErrOldSchema, version, current)
	}
	return nil
}

// absentFile tells whether there is no file at a path.
func absentFile(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}
