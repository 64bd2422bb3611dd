package es

import (
	"context"
	"log/slog"
	"time"
)

// Lookout brings news from other processes: it asks the store, in one question,
// for whatever somebody in this process waits for.
type Lookout[T any] struct {
	News  *Notices[T]
	Ask   func(ctx context.Context, keys []string) (map[string]T, error) // leaves out what is not known yet
	Every time.Duration                                                  // how often, while somebody waits
	Log   *slog.Logger
}

// Run asks until ctx is done. Failures are logged and the question is repeated.
func (l *Lookout[T]) Run(ctx context.Context) error {
	tick := time.NewTicker(l.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		keys := l.News.Keys()
		if len(keys) == 0 {
			continue
		}
		news, err := l.Ask(ctx, keys)
		if err != nil && ctx.Err() == nil {
			l.Log.DebugContext(ctx, "look for news", "err", err) // those who wait find out themselves
		}
		for key, n := range news {
			l.News.Post(key, n)
		}
	}
}
