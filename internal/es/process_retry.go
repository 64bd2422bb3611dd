package es

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// retryTimer is a timer that no process asks for: somebody wants it to try again.
const retryTimer = "process.retry"

// IsRetry tells whether this is no timer of the process, but somebody's wish that it
// tries again. Such a timer is due by any clock. Its time says which retry it is, and
// not since when it is wanted.
func (t Timer) IsRetry() bool { return t.Name == retryTimer }

// RetriesEnd is a time that no wish to retry gets to. Every other timer is due later.
func RetriesEnd() time.Time { return time.UnixMicro(1_000_000_000_000) }

// Retry asks a process to try again what it waits for. Whoever fires timers lets it
// see that, next. It returns ErrNoProcess if there is none with this id. The caller need
// not know what the state of the process looks like: S may be its JSON.
func Retry[S any](ctx context.Context, processes Processes[S], id string) error {
	for {
		were, err := processes.Load(ctx, []string{id})
		if err != nil {
			return fmt.Errorf("load process %s: %w", id, err)
		}
		was, found := were[id]
		if !found {
			return ErrNoProcess
		}
		if slices.ContainsFunc(was.Timers, Timer.IsRetry) {
			return nil // somebody has asked already
		}
		move := Move[S]{ID: id, From: was.Version, Instance: was}
		move.Version++
		once := time.UnixMicro(int64(move.Version)).UTC() // long ago, and no other retry's time
		move.Timers = append(slices.Clone(was.Timers), Timer{retryTimer, once})
		err = processes.Save(ctx, []Move[S]{move})[0]
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return fmt.Errorf("save process %s: %w", id, err)
		}
	}
}
