package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// DeadLetter is a message that a handler gave up on.
type DeadLetter struct {
	ID        string
	Handler   string
	Topic     string
	MessageID string
	Payload   []byte
	Metadata  map[string]string
	Error     string
	Attempts  int
	DiedAt    time.Time
}

// Bury keeps a dead letter. Burying it again under the same id changes nothing
// but the error and the time.
func (s *Store) Bury(ctx context.Context, l DeadLetter) error {
	metadata, err := json.Marshal(l.Metadata)
	if err != nil {
		return fmt.Errorf("encode metadata: %w", err)
	}
	return s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		return t.insert(ctx, "dead_letters", "id, handler, topic, message_id, payload, metadata, error, attempts, died_at",
			t.dialect.upsert("id", "error", "attempts", "died_at"),
			[][]any{{l.ID, l.Handler, l.Topic, l.MessageID, l.Payload, metadata, l.Error, l.Attempts, l.DiedAt.UnixMicro()}})
	})
}

// DeadLetters returns dead letters, oldest first.
func (s *Store) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	rows, err := s.query(ctx, `SELECT id, handler, topic, message_id, payload, metadata, error, attempts, died_at
		FROM dead_letters ORDER BY died_at, id LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	defer rows.Close()
	var letters []DeadLetter
	for rows.Next() {
		l, err := scanDeadLetter(rows)
		if err != nil {
			return nil, err
		}
		letters = append(letters, l)
	}
	return letters, rows.Err()
}

func scanDeadLetter(rows *sql.Rows) (DeadLetter, error) {
	var (
		l        DeadLetter
		metadata []byte
		at       int64
	)
	err := rows.Scan(&l.ID, &l.Handler, &l.Topic, &l.MessageID, &l.Payload, &metadata, &l.Error, &l.Attempts, &at)
	l.DiedAt = time.UnixMicro(at).UTC()
	return l, errors.Join(err, json.Unmarshal(metadata, &l.Metadata))
}
