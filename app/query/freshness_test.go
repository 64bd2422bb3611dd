package query_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
)

// eyes are the views, which know how far they have come with one stream.
type eyes struct {
	of   es.Stream
	seen func() (es.Version, error)
}

func (e eyes) Seen(_ context.Context, s es.Stream) (es.Version, error) {
	if s != e.of {
		return 9, nil // which is further than anybody waits for
	}
	return e.seen()
}

func TestFreshnessWaitsUntilTheViewHasSeenTheWrite(t *testing.T) {
	t.Parallel()
	never := func(time.Duration) (es.Version, error) { return 4, nil }
	after := func(d time.Duration) func(time.Duration) (es.Version, error) {
		return func(passed time.Duration) (es.Version, error) {
			if passed >= d {
				return 5, nil
			}
			return 4, nil
		}
	}
	for name, test := range map[string]struct {
		seen   func(passed time.Duration) (es.Version, error)
		told   time.Duration // 0 for never
		of     string        // what it is told of
		leaves time.Duration // 0 for never
		took   time.Duration
		err    error
	}{
		"not at all when it is there":        {seen: after(0)},
		"until it is told":                   {seen: after(150 * time.Millisecond), told: 150 * time.Millisecond, of: "ticket-7", took: 150 * time.Millisecond},
		"until it looks when nobody tells":   {seen: after(250 * time.Millisecond), took: 300 * time.Millisecond},
		"on when the news is of another one": {seen: never, told: 150 * time.Millisecond, of: "order-7", took: 2 * time.Second, err: query.ErrBehind},
		"for as long as it may":              {seen: never, took: 2 * time.Second, err: query.ErrBehind},
		"until the reader leaves":            {seen: never, leaves: 50 * time.Millisecond, took: 50 * time.Millisecond, err: context.DeadlineExceeded},
		"not when the view cannot be asked":  {seen: func(time.Duration) (es.Version, error) { return 0, errBroken }, err: errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				f := &query.Freshness{
					Views: eyes{of: "ticket-7", seen: func() (es.Version, error) { return test.seen(time.Since(began)) }},
					Seen:  &es.Notices[es.Version]{}, Poll: 100 * time.Millisecond, Timeout: 2 * time.Second,
				}
				ctx := t.Context()
				if test.leaves > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.leaves)
					defer cancel()
				}
				if test.told > 0 {
					time.AfterFunc(test.told, func() { f.Seen.Post(test.of, 5) })
				}
				err := f.Wait(ctx, "ticket-7", 5)
				if took := time.Since(began); !errors.Is(err, test.err) || took != test.took {
					t.Errorf("got %v after %v, want %v after %v", err, took, test.err, test.took)
				}
			})
		})
	}
}
