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

func isRetry(t Timer) bool { return t.Name == retryTimer }

// Retry asks a process to try again what it waits for. Whoever fires timers lets it
// see that, next. It returns ErrNoProcess if there is none with this id. The caller need
// not know what the state of the process looks like: S may be its JSON.
func Retry[S any](ctx context.Context, processes Processes[S], id string, now time.Time) error {
	for {
		were, err := processes.Load(ctx, []string{id})
		if err != nil {
			return fmt.Errorf("load process %s: %w", id, err)
		}
		was, found := were[id]
		if !found {
			return ErrNoProcess
		}
		if slices.ContainsFunc(was.Timers, isRetry) {
			return nil // somebody has asked already
		}
		move := Move[S]{ID: id, From: was.Version, Instance: was}
		move.Version++
		move.Timers = append(slices.Clone(was.Timers), Timer{retryTimer, now.UTC().Truncate(time.Microsecond)})
		err = processes.Save(ctx, []Move[S]{move})[0]
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return fmt.Errorf("save process %s: %w", id, err)
		}
	}
}
