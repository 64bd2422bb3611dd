package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/millrace/millrace/internal/queue"
)

// claim is a call of Claim, and what it got.
type claim struct {
	queue.Claim
	got []queue.Claimed
}

// Claim takes messages that are due, those that have been due for longest first.
// It returns queue.ErrNone if there is no such queue.
func (q Queues) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	// A look takes no turn at writing, and mostly there is nothing.
	var due bool
	err := q.Store.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM queue_messages m WHERE m.queue = q.id AND m.due_at <= `+
		q.Store.dialect.now+`) FROM queues q WHERE q.topic = ? AND q.grp = ?`, []any{c.Queue.Topic, c.Queue.Group}, &due)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, queue.ErrNone
	case err != nil:
		return nil, fmt.Errorf("look into queue %s on %s: %w", c.Queue.Group, c.Queue.Topic, err)
	case !due:
		return nil, nil
	}
	taken := &claim{Claim: c}
	if err := q.Store.commits.do(ctx, claimKind, taken); err != nil {
		return nil, err
	}
	return taken.got, nil
}

var claimKind = &kind{name: "claim", writer: 3, run: func(ctx context.Context, t *tx, writes []*write) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	for i, c := range argsOf[*claim](writes) {
		c.got, err = claimDue(ctx, t, c.Claim, now)
		if errors.Is(err, queue.ErrNone) {
			writes[i].err = err
		} else if err != nil {
			return err
		}
	}
	return nil
}}

// claimDue takes what is due, unless another process has just taken it: what is
// still due when it is updated becomes the holder's. In a snapshot that is older
// than the other one's claim the message looks due, so it does not count as ours.
func claimDue(ctx context.Context, t *tx, c queue.Claim, now int64) ([]queue.Claimed, error) {
	id, err := queueID(ctx, t, c.Queue)
	if err != nil {
		return nil, err
	}
	var seqs []int64
	err = t.each(ctx, "SELECT seq FROM queue_messages WHERE queue = ? AND due_at <= ? ORDER BY due_at, seq LIMIT ?",
		[]any{id, now, c.Limit}, func(rows *sql.Rows) error {
			var seq int64
			err := rows.Scan(&seq)
			seqs = append(seqs, seq)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("look for what is due: %w", err)
	}
	err = t.forMessages(ctx, "UPDATE queue_messages"+t.dialect.byKey+" SET holder = ?, due_at = ? WHERE due_at <= ? AND seq IN (%s)",
		[]any{c.Holder, now + c.Lease.Microseconds(), now}, seqs, nil)
	if err != nil {
		return nil, fmt.Errorf("claim messages: %w", err)
	}
	var got []queue.Claimed
	err = t.forMessages(ctx, `SELECT seq, message_id, headers, payload, nacks FROM queue_messages
		WHERE holder = ? AND due_at > ? AND seq IN (%s) ORDER BY seq`, []any{c.Holder, now}, seqs, func(rows *sql.Rows) error {
		var m queue.Claimed
		err := rows.Scan(&m.Seq, &m.ID, &m.Headers, &m.Payload, &m.Nacks)
		got = append(got, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read claimed messages: %w", err)
	}
	return got, nil
}
