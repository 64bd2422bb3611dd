package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// Pending implements es.Outbox. It asks for what is still there, never for what
// lies beyond a position it has seen: a transaction that commits late would be
// passed over for ever. The join says what to begin with: a server that has known
// the outbox as empty would read all events first.
func (s *Store) Pending(ctx context.Context, limit int) ([]es.Pending, error) {
	rows, err := s.query(ctx, "SELECT o.seq, "+eventColumns+`
		FROM (SELECT seq, stream, first_version, last_version FROM outbox ORDER BY seq LIMIT ?) o
		LEFT JOIN events e`+s.dialect.byKey+` ON e.stream = o.stream AND e.version BETWEEN o.first_version AND o.last_version
		ORDER BY o.seq, e.version`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var pending []es.Pending
	for total := 0; rows.Next(); total++ {
		var seq int64
		r, err := scanEvent(rows, &seq)
		if err != nil {
			return nil, err
		}
		if n := len(pending); n == 0 || pending[n-1].Seq != seq {
			if total >= limit {
				break
			}
			pending = append(pending, es.Pending{Seq: seq})
		}
		p := &pending[len(pending)-1]
		p.Records = append(p.Records, r)
	}
	return pending, rows.Err()
}

type forward struct {
	lease   es.Lease
	entries []es.Pending
}

// Forward implements es.Outbox.
func (s *Store) Forward(ctx context.Context, lease es.Lease, entries []es.Pending) error {
	crash.Point("feed.before")
	err := s.commits.do(ctx, forwardKind, forward{lease, entries})
	if err == nil {
		crash.Point("feed.after")
	}
	return err
}

var forwardKind = &kind{name: "forward", writer: 3, run: func(ctx context.Context, t *tx, writes []*write) error {
	for i, f := range argsOf[forward](writes) {
		held, err := holds(ctx, t, f.lease)
		if err != nil {
			return err
		}
		if !held {
			writes[i].err = es.ErrFenced
			continue
		}
		if err := forwardEntries(ctx, t, f.entries); err != nil {
			return err
		}
	}
	return nil
}}

// forwardEntries moves the entries that are still in the outbox, so that doing
// it again, after a commit of unknown outcome, moves none twice.
func forwardEntries(ctx context.Context, t *tx, entries []es.Pending) error {
	keys := make([]any, len(entries))
	for i, e := range entries {
		keys[i] = e.Seq
	}
	waiting := make(map[int64]bool, len(entries))
	err := t.lookup(ctx, "SELECT seq FROM outbox WHERE seq IN (%s)", "?", ",", keys, func(rows *sql.Rows) error {
		var seq int64
		err := rows.Scan(&seq)
		waiting[seq] = true
		return err
	})
	if err != nil {
		return fmt.Errorf("read the outbox: %w", err)
	}
	var head int64
	err = t.each(ctx, "SELECT COALESCE(MAX(position), 0) FROM feed", nil, func(rows *sql.Rows) error { return rows.Scan(&head) })
	if err != nil {
		return fmt.Errorf("read the feed's head: %w", err)
	}
	var feed [][]any
	for _, e := range entries {
		if !waiting[e.Seq] {
			continue
		}
		for _, r := range e.Records {
			head++
			feed = append(feed, []any{head, string(r.Stream), int64(r.Version), r.Type})
		}
	}
	if err := t.insert(ctx, "feed", "position, stream, version, type", "", feed); err != nil {
		return err
	}
	return t.delete(ctx, "outbox", "seq", keys)
}

// Feed implements es.Feed.
func (s *Store) Feed(ctx context.Context, after es.Position, limit int) ([]es.FeedRecord, error) {
	rows, err := s.query(ctx, "SELECT f.position, "+eventColumns+`
		FROM feed f JOIN events e ON e.stream = f.stream AND e.version = f.version
		WHERE f.position > ? ORDER BY f.position LIMIT ?`, int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	defer rows.Close()
	var records []es.FeedRecord
	for rows.Next() {
		var f es.FeedRecord
		if f.Record, err = scanEvent(rows, &f.Position); err != nil {
			return nil, err
		}
		records = append(records, f)
	}
	return records, rows.Err()
}

// Head implements es.Feed.
func (s *Store) Head(ctx context.Context) (es.Position, error) {
	var head es.Position
	if err := s.queryRow(ctx, "SELECT COALESCE(MAX(position), 0) FROM feed", nil, &head); err != nil {
		return 0, fmt.Errorf("read the feed's head: %w", err)
	}
	return head, nil
}

// Backlog returns how many appends wait in the outbox.
func (s *Store) Backlog(ctx context.Context) (int, error) {
	var n int
	if err := s.queryRow(ctx, "SELECT COUNT(*) FROM outbox", nil, &n); err != nil {
		return 0, fmt.Errorf("count the outbox: %w", err)
	}
	return n, nil
}
