package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/internal/es"
)

// announce tells whoever waits in this process what became of a command, and
// wakes the relay.
func announce(outcomes *es.Notices[es.Outcome], appended chan<- struct{}) func(command.Handler) command.Handler {
	return func(next command.Handler) command.Handler {
		return func(ctx context.Context, c es.Envelope) (es.Outcome, error) {
			o, err := next(ctx, c)
			if err != nil {
				return o, err
			}
			outcomes.Post(c.ID, o)
			select {
			case appended <- struct{}{}:
			default: // the relay has been told
			}
			return o, nil
		}
	}
}

// logCommands writes what became of each command, for those who debug.
func logCommands(log *slog.Logger) func(command.Handler) command.Handler {
	return func(next command.Handler) command.Handler {
		return func(ctx context.Context, c es.Envelope) (es.Outcome, error) {
			start := time.Now()
			o, err := next(ctx, c)
			if log.Enabled(ctx, slog.LevelDebug) {
				log.DebugContext(ctx, "command", "type", c.Type, "id", c.ID, "order", c.Target,
					"status", o.Status, "version", o.Version, "took", time.Since(start), "err", err)
			}
			return o, err
		}
	}
}
