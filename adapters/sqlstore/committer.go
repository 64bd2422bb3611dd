package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
)

// committer puts the writes that are waiting into one transaction. While a
// commit is being written to disk the next writes gather, so that the batches
// grow with the load and a lone write waits for nobody.
//
// A write checks before it changes anything, so that one which is refused (by
// ErrConflict, say) leaves nothing behind in the transaction that it shares. When
// anything else goes wrong, the whole transaction is rolled back and every write
// gets one of its own, so that none fails for what another one did.
type committer struct {
	db      *sql.DB
	dialect dialect
	queue   chan *write
	stopped chan struct{}

	mu     sync.RWMutex // held for writing while the queue is closed
	closed bool

	// For the loop only: how many batches are to be looked at before anything is
	// inserted, since assuming has gone wrong lately.
	wary int

	// For the loop only: the writes that have waited in vain for what another process
	// has locked, and whether it is the turn of the others.
	stuck  []*write
	others bool
}

// errClosed says that the store was closed before a write was begun.
var errClosed = errors.New("the store is closed")

// maxBatch bounds a shared transaction, so that its writes do not wait long for
// each other.
const maxBatch = 512

// write is one caller's part of a transaction.
type write struct {
	kind *kind
	arg  any // what the kind's run function expects
	err  error
	done chan struct{}

	// unknown tells whether it may have been committed already, by a transaction
	// whose COMMIT has failed.
	unknown bool

	waits int // how often it got stuck
}

// kind is a sort of write. Writes of one kind are carried out together, with as
// few statements as the database allows.
type kind struct {
	name string

	// writer says which of several committers carries it out.
	writer int

	// run carries out writes. It sets err on those that it refuses, having
	// changed nothing for them; an error of its own means that the transaction
	// cannot go on.
	run func(context.Context, *tx, []*write) error
}

// kinds are in the order in which they are run in a transaction, which is the
// same in all of them so that two cannot wait for each other.
var kinds = []*kind{acceptKind, appendKind, importKind, finishKind, learnKind, forwardKind, orderView.saves, paymentView.saves, ticketView.saves, saveProcessKind, settleKind, putKind, claimKind, otherKind}

// committers divide the writes among them by their kinds. While one waits for the
// disk the others go on; where the database has one writer anyway there is one.
type committers []*committer

func startCommitters(db *sql.DB, d dialect) committers {
	all := make(committers, d.writers)
	for i := range all {
		all[i] = startCommitter(db, d)
	}
	return all
}

func (all committers) of(k *kind) *committer { return all[k.writer%len(all)] }

func (all committers) do(ctx context.Context, k *kind, arg any) error {
	return all.of(k).do(ctx, k, arg)
}

func (all committers) attempt(ctx context.Context, k *kind, arg any) error {
	return all.of(k).attempt(ctx, k, arg)
}

func (all committers) close() {
	for _, c := range all {
		c.close()
	}
}

func startCommitter(db *sql.DB, d dialect) *committer {
	c := &committer{
		db: db, dialect: d,
		queue: make(chan *write, 4*maxBatch), stopped: make(chan struct{}),
	}
	go c.loop()
	return c
}

// do carries out one write and returns how it went. When ctx is done before the
// write was begun nothing happens; afterwards its end is waited for, since an
// unknown outcome helps nobody.
func (c *committer) do(ctx context.Context, k *kind, arg any) error {
	w := &write{kind: k, arg: arg, done: make(chan struct{})}
	if err := c.enqueue(ctx, w); err != nil {
		return err
	}
	<-w.done
	return w.err
}

// attempt is do for a write that the caller may leave undecided: when ctx is done it
// returns, though the write may yet be carried out.
func (c *committer) attempt(ctx context.Context, k *kind, arg any) error {
	w := &write{kind: k, arg: arg, done: make(chan struct{})}
	if err := c.enqueue(ctx, w); err != nil {
		return err
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *committer) enqueue(ctx context.Context, w *write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return errClosed
	}
	select {
	case c.queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// doAll carries out writes of one kind side by side and returns how each went.
func doAll[T any](ctx context.Context, all committers, k *kind, args []T) []error {
	c := all.of(k)
	errs := make([]error, len(args))
	writes := make([]*write, len(args))
	for i, arg := range args {
		writes[i] = &write{kind: k, arg: arg, done: make(chan struct{})}
		errs[i] = c.enqueue(ctx, writes[i])
	}
	for i, w := range writes {
		if errs[i] == nil {
			<-w.done
			errs[i] = w.err
		}
	}
	return errs
}

// close waits for the writes that are in the queue.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	close(c.queue)
	c.mu.Unlock()
	<-c.stopped
}

// argsOf returns the arguments of some writes.
func argsOf[T any](writes []*write) []T {
	args := make([]T, len(writes))
	for i, w := range writes {
		args[i] = w.arg.(T)
	}
	return args
}

// otherKind is for writes that are too rare to be worth doing together: the
// argument is the function to run.
var otherKind = &kind{name: "write", writer: 3, run: func(ctx context.Context, t *tx, writes []*write) error {
	for i, f := range argsOf[func(context.Context, *tx) error](writes) {
		err := f(ctx, t)
		if refused(err) {
			writes[i].err = err
		} else if err != nil {
			return err
		}
	}
	return nil
}}

func refused(err error) bool {
	return slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) })
}
