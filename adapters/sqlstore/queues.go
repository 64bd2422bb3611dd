package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/queue"
)

// Queues keeps the queues of a broker in the store. What concurrent callers put,
// claim and settle shares transactions with everything else that is written.
//
// All times are the database's, so that the clocks of those who share the queues
// need not agree. Nothing is asked for by its position: what a slow transaction
// commits late is due like everything else.
type Queues struct {
	Store *Store
}

// Ping tells whether the database answers.
func (q Queues) Ping(ctx context.Context) error { return q.Store.Ping(ctx) }

// Declare makes a queue, or changes which types it takes from now on.
func (q Queues) Declare(ctx context.Context, d queue.Queue) error {
	types, err := json.Marshal(append([]string{}, d.Types...))
	if err != nil {
		return fmt.Errorf("encode the types of queue %s: %w", d.Group, err)
	}
	return q.Store.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		return t.insert(ctx, "queues", "topic, grp, types", t.dialect.upsert("topic, grp", "types"), [][]any{{d.Topic, d.Group, types}})
	})
}

// put is a call of Put.
type put struct {
	topic    string
	messages []queue.Message
}

// Put adds messages to every queue on the topic that takes their type, all or
// none of them. It returns queue.ErrNone if there is no queue, and the error of
// ctx when that is done first: the messages may have been added then, or not.
func (q Queues) Put(ctx context.Context, topic string, messages []queue.Message) error {
	return q.Store.commits.attempt(ctx, putKind, put{topic, messages})
}

var putKind = &kind{name: "put", run: func(ctx context.Context, t *tx, writes []*write) error {
	puts := argsOf[put](writes)
	topics := make([]string, len(puts))
	for i, p := range puts {
		topics[i] = p.topic
	}
	slices.Sort(topics)
	queues, err := declaredOn(ctx, t, slices.Compact(topics))
	if err != nil {
		return err
	}
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	for i, p := range puts {
		if len(queues[p.topic]) == 0 {
			writes[i].err = queue.ErrNone
		}
		for _, m := range p.messages {
			for _, d := range queues[p.topic] {
				if len(d.types) == 0 || slices.Contains(d.types, m.Type) {
					rows = append(rows, []any{d.id, m.ID, present(m.Headers), present(m.Payload), 0, "", now})
				}
			}
		}
	}
	return t.insert(ctx, "queue_messages", "queue, message_id, headers, payload, nacks, holder, due_at", "", rows)
}}

// present keeps an empty value from becoming NULL.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// declared is a queue as it is in the database.
type declared struct {
	id    int64
	types []string
}

// declaredOn returns the queues by their topic.
func declaredOn(ctx context.Context, t *tx, topics []string) (map[string][]declared, error) {
	queues := make(map[string][]declared, len(topics))
	const text = "SELECT topic, id, types FROM queues WHERE topic IN (%s) ORDER BY id"
	err := t.lookup(ctx, text, "?", ",", anys(topics), func(rows *sql.Rows) error {
		var (
			topic string
			types []byte
			d     declared
		)
		if err := rows.Scan(&topic, &d.id, &types); err != nil {
			return err
		}
		queues[topic] = append(queues[topic], d)
		return json.Unmarshal(types, &queues[topic][len(queues[topic])-1].types)
	})
	if err != nil {
		return nil, fmt.Errorf("read queues: %w", err)
	}
	return queues, nil
}

// Settle removes what was acked, and lets what was nacked rest.
func (q Queues) Settle(ctx context.Context, s queue.Settlement) error {
	return q.Store.commits.do(ctx, settleKind, s)
}

var settleKind = &kind{name: "settle", writer: 3, run: func(ctx context.Context, t *tx, writes []*write) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	for _, s := range argsOf[queue.Settlement](writes) {
		if err := t.removeAcked(ctx, s); err != nil {
			return err
		}
		for _, n := range s.Nacked {
			_, err := t.exec(ctx, "UPDATE queue_messages SET holder = '', nacks = nacks + 1, due_at = ? WHERE holder = ? AND seq = ?",
				now+n.Delay.Microseconds(), s.Holder, n.Seq)
			if err != nil {
				return err
			}
		}
	}
	return nil
}}

// removeAcked removes those acked messages that are still the holder's.
func (t *tx) removeAcked(ctx context.Context, s queue.Settlement) error {
	var own []any
	err := t.forMessages(ctx, "SELECT seq FROM queue_messages"+t.dialect.byKey+" WHERE holder = ? AND seq IN (%s)"+t.dialect.forUpdate,
		[]any{s.Holder}, s.Acked, func(rows *sql.Rows) error {
			var seq int64
			err := rows.Scan(&seq)
			own = append(own, seq)
			return err
		})
	if err != nil {
		return err
	}
	return t.delete(ctx, "queue_messages", "seq", own)
}

// Extend begins the lease of claimed messages anew.
func (q Queues) Extend(ctx context.Context, holder string, seqs []int64, lease time.Duration) error {
	return q.Store.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		return t.forMessages(ctx, "UPDATE queue_messages"+t.dialect.byKey+" SET due_at = ? WHERE holder = ? AND seq IN (%s)",
			[]any{now + lease.Microseconds(), holder}, seqs, nil)
	})
}

// Release gives back everything that a holder has claimed of a queue. It is due
// at once, before the others.
func (q Queues) Release(ctx context.Context, d queue.Queue, holder string) error {
	return q.Store.commits.do(ctx, otherKind, func(ctx context.Context, t *tx) error {
		id, err := queueID(ctx, t, d)
		if errors.Is(err, queue.ErrNone) {
			return nil // and so are its messages
		}
		if err != nil {
			return err
		}
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, "UPDATE queue_messages SET holder = '', due_at = 0 WHERE queue = ? AND due_at > ? AND holder = ?", id, now, holder)
		return err
	})
}

func queueID(ctx context.Context, t *tx, d queue.Queue) (int64, error) {
	var id int64
	err := t.each(ctx, "SELECT id FROM queues WHERE topic = ? AND grp = ?", []any{d.Topic, d.Group}, func(rows *sql.Rows) error {
		return rows.Scan(&id)
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("read queue %s on %s: %w", d.Group, d.Topic, err)
	case id == 0:
		return 0, queue.ErrNone
	}
	return id, nil
}

// now returns the microseconds since 1970 by the database's clock.
func (t *tx) now(ctx context.Context) (int64, error) {
	var now int64
	if err := t.each(ctx, "SELECT "+t.dialect.now, nil, func(rows *sql.Rows) error { return rows.Scan(&now) }); err != nil {
		return 0, fmt.Errorf("read the clock: %w", err)
	}
	return now, nil
}

// forMessages runs a statement for some messages, as often as it takes and in
// their order, so that two transactions lock them in the same one. The text holds
// one %s for the list of placeholders, after those of the other arguments.
func (t *tx) forMessages(ctx context.Context, text string, args []any, seqs []int64, scan func(*sql.Rows) error) error {
	seqs = slices.Sorted(slices.Values(seqs))
	for part := range slices.Chunk(seqs, maxKeys) {
		all := slices.Clone(args)
		n := padded(len(part))
		for i := range n {
			all = append(all, part[min(i, len(part)-1)])
		}
		s := shape{text, "?", ",", n}
		made := t.lookupText(s)
		var err error
		if scan == nil {
			_, err = t.exec(ctx, made, all...)
		} else {
			err = t.each(ctx, made, all, scan)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
