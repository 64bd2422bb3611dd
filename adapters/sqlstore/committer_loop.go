package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/crash"
)

func (c *committer) loop() {
	defer close(c.stopped)
	var t *tx
	defer func() { t.close() }()
	for batch := c.next(); len(batch) > 0; batch = c.next() {
		t = c.commitAll(t, batch)
		for _, w := range batch {
			if !slices.Contains(c.stuck, w) {
				close(w.done)
			}
		}
		if t == nil && batch[0].err != nil {
			c.refuse(batch[0].err)
		}
	}
}

// refuse fails the writes that came while the database could not be reached, so
// that they do not wait for it one after the other.
func (c *committer) refuse(err error) {
	for range len(c.queue) {
		w, open := <-c.queue
		if !open {
			return
		}
		w.err = err
		close(w.done)
	}
}

// next returns the writes to carry out together, none when there will be no more.
// One that is stuck comes alone, in turn with whatever else is waiting.
func (c *committer) next() []*write {
	if c.others = !c.others; c.others || len(c.stuck) == 0 {
		if batch := c.gather(len(c.stuck) == 0); len(batch) > 0 {
			return batch
		}
	}
	if len(c.stuck) == 0 {
		return nil
	}
	w := c.stuck[0]
	c.stuck = c.stuck[1:]
	return []*write{w}
}

// gather returns what is in the queue. It waits for a first write if it is told to,
// which comes unless the queue is closed.
func (c *committer) gather(wait bool) []*write {
	var batch []*write
	if wait {
		first, open := <-c.queue
		if !open {
			return nil
		}
		batch = append(batch, first)
		runtime.Gosched() // lets those whose write was just done come with their next one
	}
	for len(batch) < maxBatch {
		select {
		case w, open := <-c.queue:
			if !open {
				return batch
			}
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// reruns is how often a transaction is run again that was in another one's way, or
// whose end is not known.
const reruns = 10

// errOvertaken says that a transaction found something which another one has changed since
// it looked.
var errOvertaken = errors.New("another transaction was faster")

// wariness is how many batches are not assumed about after it has gone wrong once.
// So a client that repeats its requests costs others little.
const wariness = 64

// commitAll carries out a batch in one transaction, or in one each if that does
// not go. It returns the connection to go on with, nil if it broke.
//
// A transaction that may have been committed is run again, too. Every write looks
// first for what it would change, and finds that it has been made.
func (c *committer) commitAll(t *tx, batch []*write) *tx {
	for attempt := 0; ; attempt++ {
		assumes := c.dialect.remote && attempt == 0 && c.wary == 0
		next, begun, err := c.commit(t, batch, assumes)
		t = next
		if c.wary = max(c.wary-1, 0); assumes && err != nil {
			c.wary = wariness
		}
		switch {
		case err == nil:
			return t
		case len(batch) > 1 && c.dialect.stuck(err): // one of them is, and the others need not wait for it
			return c.commitEach(t, batch)
		case c.dialect.stuck(err) && batch[0].waits < reruns:
			batch[0].waits++
			c.stuck = append(c.stuck, batch[0])
			return t
		case begun && attempt < reruns && (errors.Is(err, errOvertaken) || c.dialect.again(err)):
		case len(batch) == 1 || !begun: // what did not begin would not for one alone
			for _, w := range batch {
				w.err = err
			}
			return t
		default:
			return c.commitEach(t, batch)
		}
		for _, w := range batch {
			w.err = nil
		}
	}
}

// commitEach carries out each write of a batch in a transaction of its own.
func (c *committer) commitEach(t *tx, batch []*write) *tx {
	for _, w := range batch {
		w.err = nil
		t = c.commitAll(t, []*write{w})
	}
	return t
}

// connectPatience is how long it may take to have a connection that answers. One
// from the pool may lead to a server that stands still.
const connectPatience = 5 * time.Second

func (c *committer) connect(ctx context.Context) (*tx, error) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	t := &tx{
		conn: conn, dialect: c.dialect, stmts: map[string]*sql.Stmt{},
		lookups: map[shape]string{}, inserts: map[insertShape]string{},
	}
	if err := t.control(ctx, c.dialect.writer); err != nil {
		return t.broken(), err
	}
	return t, nil
}

func (c *committer) commit(t *tx, batch []*write, assumes bool) (next *tx, begun bool, err error) {
	ctx := context.Background()
	if t == nil {
		if t, err = c.connect(ctx); err != nil {
			return nil, false, fmt.Errorf("connect: %w", err)
		}
	}
	if err := t.control(ctx, c.dialect.begin); err != nil {
		return t.broken(), false, fmt.Errorf("begin: %w", err)
	}
	t.assumes = assumes
	err = runAll(ctx, t, batch)
	if err == nil {
		crash.Point("commit.before")
		var unknown bool
		if unknown, err = t.commit(ctx); err == nil {
			crash.Point("commit.after")
			return t, true, nil
		}
		for _, w := range batch {
			w.unknown = w.unknown || unknown
		}
		err = fmt.Errorf("commit: %w", err)
	}
	t.later, t.size = nil, 0
	if undo := t.control(ctx, "ROLLBACK"); undo != nil {
		return t.broken(), true, errors.Join(err, undo)
	}
	return t, true, err
}

func runAll(ctx context.Context, t *tx, batch []*write) error {
	done := 0
	for _, k := range kinds {
		var same []*write
		for _, w := range batch {
			if w.kind == k {
				same = append(same, w)
			}
		}
		if len(same) == 0 {
			continue
		}
		if err := k.run(ctx, t, same); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		done += len(same)
	}
	if done < len(batch) { // or they would pass for written
		return fmt.Errorf("%d writes are of a kind that is not in kinds", len(batch)-done)
	}
	return nil
}
