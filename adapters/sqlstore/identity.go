package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
)

// ID returns the name by which other stores know this one. Whoever asks first makes
// it, and it never changes.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id string
	err := s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		id = ""
		err := t.each(ctx, "SELECT id FROM store WHERE one = 1", nil, func(rows *sql.Rows) error { return rows.Scan(&id) })
		if err != nil || id != "" {
			return err
		}
		id = strings.ToLower(rand.Text()) // as a name in brokers, some of which mind the case
		return t.insert(ctx, "store", "one, id", "", [][]any{{1, id}})
	})
	if err != nil {
		return "", fmt.Errorf("read which store this is: %w", err)
	}
	return id, nil
}
