package gateway

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
)

func noteFailure(key string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO failures (key) VALUES (?)", key)
		return err
	}
}

// writeTogether writes two jobs in one transaction, the first with a context that
// ends while it waits for its turn.
func writeTogether(t *testing.T, l *Ledger, first, second func(context.Context, *sql.Tx) error) (errFirst, errSecond error) {
	t.Helper()
	l.writer.turn.Lock()
	ctx, leave := context.WithCancel(t.Context())
	results := [2]chan error{make(chan error, 1), make(chan error, 1)}
	go func() { results[0] <- l.write(ctx, first) }()
	awaitJobs(t, l, 1)
	go func() { results[1] <- l.write(t.Context(), second) }()
	awaitJobs(t, l, 2)
	leave()
	l.writer.turn.Unlock()
	return <-results[0], <-results[1]
}

// awaitJobs waits until so many jobs wait for their turn.
func awaitJobs(t *testing.T, l *Ledger, n int) {
	t.Helper()
	for {
		l.writer.mu.Lock()
		waiting := len(l.writer.waiting)
		l.writer.mu.Unlock()
		if waiting == n {
			return
		}
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

func openTestLedger(t *testing.T) *Ledger {
	t.Helper()
	l, err := OpenLedger(t.Context(), filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *Ledger) failuresNoted(t *testing.T) (n int) {
	t.Helper()
	if err := l.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM failures").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestJobIsCarriedOutThoughItsCallerLeaves(t *testing.T) {
	t.Parallel()
	l := openTestLedger(t)
	for i := range 20 {
		first, second := string(rune('a'+i)), string(rune('A'+i))
		if errFirst, errSecond := writeTogether(t, l, noteFailure(first), noteFailure(second)); errFirst != nil || errSecond != nil {
			t.Fatalf("who has left gets %v, and who has not gets %v", errFirst, errSecond)
		}
	}
	if n := l.failuresNoted(t); n != 40 {
		t.Errorf("%d of 40 jobs were carried out", n)
	}
}

func TestJobsOfATransactionFailTogether(t *testing.T) {
	t.Parallel()
	l := openTestLedger(t)
	broken := errors.New("broken")
	for range 5 {
		errFirst, errSecond := writeTogether(t, l, noteFailure("a"), func(context.Context, *sql.Tx) error { return broken })
		if !errors.Is(errFirst, broken) || !errors.Is(errSecond, broken) {
			t.Errorf("they get %v and %v, want both the error of one", errFirst, errSecond)
		}
	}
	if n := l.failuresNoted(t); n != 0 {
		t.Errorf("%d jobs were carried out", n)
	}
	if err := l.write(t.Context(), noteFailure("a")); err != nil {
		t.Errorf("after that a job fails: %v", err)
	}
}

func TestJobWithoutACallerIsNotAccepted(t *testing.T) {
	t.Parallel()
	l := openTestLedger(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if err := l.write(ctx, noteFailure("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("it gets %v", err)
	}
	if n := l.failuresNoted(t); n != 0 {
		t.Error("it was carried out")
	}
}
