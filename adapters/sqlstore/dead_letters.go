package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/es"
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
// but the error, the number of attempts and the time.
func (s *Store) Bury(ctx context.Context, l DeadLetter) error {
	metadata, err := json.Marshal(l.Metadata)
	if err != nil {
		return fmt.Errorf("encode metadata: %w", err)
	}
	payload := append([]byte{}, l.Payload...) // since nil would be NULL
	return s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		return t.insert(ctx, "dead_letters", letterColumns,
			t.dialect.upsert("id", "error", "attempts", "died_at"),
			[][]any{{l.ID, l.Handler, l.Topic, l.MessageID, payload, metadata, l.Error, l.Attempts, l.DiedAt.UnixMicro()}})
	})
}

// ErrNoLetter says that no dead letter has an id.
var ErrNoLetter = errors.New("no such dead letter")

const letterColumns = "id, handler, topic, message_id, payload, metadata, error, attempts, died_at"

// DeadLetters returns dead letters, oldest first.
func (s *Store) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	return s.deadLetters(ctx, "SELECT "+letterColumns+" FROM dead_letters ORDER BY died_at, id LIMIT ?", limit)
}

// DeadLetter returns one dead letter, or ErrNoLetter.
func (s *Store) DeadLetter(ctx context.Context, id string) (DeadLetter, error) {
	letters, err := s.deadLetters(ctx, "SELECT "+letterColumns+" FROM dead_letters WHERE id = ?", id)
	if err == nil && len(letters) == 0 {
		err = ErrNoLetter
	}
	if err != nil {
		return DeadLetter{}, err
	}
	return letters[0], nil
}

func (s *Store) deadLetters(ctx context.Context, text string, args ...any) ([]DeadLetter, error) {
	rows, err := s.query(ctx, text, args...)
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
	return letters, errors.Join(rows.Err(), rows.Close())
}

// Discard removes a dead letter for good. It returns ErrNoLetter if there is none.
func (s *Store) Discard(ctx context.Context, id string) error {
	return s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error { return removeLetter(ctx, t, id) })
}

// Requeue lets a dead letter be handled once more: a command that was given up has no
// outcome any more. It tells whether the command is in the journal; if so, it waits
// there to be sent again, and the letter is removed. Any other letter may be the last
// copy of its message, and stays until Forget. It returns ErrNoLetter if there is no
// such letter.
func (s *Store) Requeue(ctx context.Context, l DeadLetter) (journaled bool, err error) {
	err = s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		var accepted [][]any
		err := t.each(ctx, "SELECT accepted_at FROM commands WHERE id = ?", []any{l.MessageID}, func(rows *sql.Rows) error {
			var at int64
			err := rows.Scan(&at)
			accepted = append(accepted, []any{l.MessageID, at})
			return err
		})
		if err != nil {
			return fmt.Errorf("read command %s: %w", l.MessageID, err)
		}
		take := findLetter
		if journaled = len(accepted) > 0; journaled {
			take = removeLetter
		}
		if err := take(ctx, t, l.ID); err != nil {
			return err
		}
		failed, err := removeFailure(ctx, t, l.MessageID)
		if err != nil || !failed {
			return err
		}
		return t.insert(ctx, "unfinished_commands", "id, accepted_at", "", accepted)
	})
	return journaled, err
}

// Forget removes a dead letter whose message somebody else is answerable for by now. It
// leaves one that has been buried again since it was read, or whose command has failed
// again, and tells whether it is gone.
func (s *Store) Forget(ctx context.Context, l DeadLetter) (gone bool, err error) {
	err = s.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM dead_letters WHERE id = ? AND died_at = ?
			AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.command_id = ? AND o.status = ?)`,
			l.ID, l.DiedAt.UnixMicro(), l.MessageID, string(es.StatusFailed))
		if err != nil {
			return fmt.Errorf("remove dead letter %s: %w", l.ID, err)
		}
		err = findLetter(ctx, t, l.ID)
		if gone = errors.Is(err, ErrNoLetter); gone {
			return nil
		}
		return err
	})
	return gone, err
}

func findLetter(ctx context.Context, t *tx, id string) error {
	err := ErrNoLetter
	look := t.each(ctx, "SELECT 1 FROM dead_letters WHERE id = ?"+t.dialect.forUpdate, []any{id}, func(*sql.Rows) error {
		err = nil
		return nil
	})
	if look != nil {
		return fmt.Errorf("look for dead letter %s: %w", id, look)
	}
	return err
}

func removeLetter(ctx context.Context, t *tx, id string) error {
	done, err := t.exec(ctx, "DELETE FROM dead_letters WHERE id = ?", id)
	if err != nil {
		return fmt.Errorf("remove dead letter %s: %w", id, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNoLetter)
	}
	return nil
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
