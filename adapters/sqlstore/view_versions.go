package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/es"
)

// viewTables are the tables of the views, by the category of the streams that they
// follow.
var viewTables = map[string]string{
	"order": orderView.name, "payment": paymentView.name, "ticket": ticketView.name,
}

// ViewVersions knows how far the views have come. It implements query.Views.
type ViewVersions struct{ Store *Store }

// Seen implements query.Views.
func (v ViewVersions) Seen(ctx context.Context, s es.Stream) (es.Version, error) {
	seen, err := v.Versions(ctx, []string{string(s)})
	return seen[string(s)], err
}

// Versions returns the versions of some streams that their views have seen. Those
// of which nothing was seen, or that no view follows, are left out.
func (v ViewVersions) Versions(ctx context.Context, streams []string) (map[string]es.Version, error) {
	ids := map[string][]string{}
	for _, s := range streams {
		category, id, _ := strings.Cut(s, "-")
		ids[category] = append(ids[category], id)
	}
	seen := make(map[string]es.Version, len(streams))
	for category, table := range viewTables {
		for part := range slices.Chunk(ids[category], maxKeys) {
			args := fill(part)
			rows, err := v.Store.query(ctx, "SELECT id, version FROM "+table+" WHERE id IN ("+list("?", ",", len(args))+")", args...)
			if err != nil {
				return nil, fmt.Errorf("read versions of %d views: %w", len(part), err)
			}
			if err := scanVersions(rows, func(id string) string { return string(es.StreamOf(category, id)) }, seen); err != nil {
				return nil, err
			}
		}
	}
	return seen, nil
}

func scanVersions[K comparable](rows *sql.Rows, key func(string) K, seen map[K]es.Version) error {
	defer rows.Close()
	for rows.Next() {
		var id string
		var version es.Version
		if err := rows.Scan(&id, &version); err != nil {
			return fmt.Errorf("scan version: %w", err)
		}
		seen[key(id)] = version
	}
	return errors.Join(rows.Err(), rows.Close())
}
