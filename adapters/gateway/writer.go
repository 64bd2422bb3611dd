package gateway

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// writer lets callers share transactions: whoever's turn it is carries out all jobs
// that gathered while the disk was busy with the last transaction.
type writer struct {
	turn    sync.Mutex // held during a transaction
	mu      sync.Mutex
	waiting []*job
}

// job is a part of a transaction. What do returns as an error undoes the whole
// transaction, so that it returns errors of the database only.
type job struct {
	do  func(context.Context, *sql.Tx) error
	err error // of the transaction; read it after having had the turn
}

// write returns when what do did is on disk, or undone. A job that was accepted is
// carried out even if its caller has left. After an error from COMMIT it is not
// known which of the two happened.
func (l *Ledger) write(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mine := &job{do: do}
	w := &l.writer
	w.mu.Lock()
	w.waiting = append(w.waiting, mine)
	w.mu.Unlock()

	w.turn.Lock()
	defer w.turn.Unlock()
	w.mu.Lock()
	jobs := w.waiting
	w.waiting = nil
	w.mu.Unlock()
	if len(jobs) > 0 { // otherwise somebody else has done mine
		err := l.transact(context.WithoutCancel(ctx), jobs)
		for _, j := range jobs {
			j.err = err
		}
	}
	return mine.err
}

func (l *Ledger) transact(ctx context.Context, jobs []*job) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := j.do(ctx, tx); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
