package messages

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/cenkalti/backoff/v5"
)

// errUnreadable says that a message does not hold what it should. Trying again
// does not help.
var errUnreadable = errors.New("the message cannot be read")

// retry runs a handler until it succeeds, Retries are used up or the message's
// context is done. At most concurrency messages are worked on at a time; one that
// waits for its next try does not count, so that it takes nobody's place.
func (r *Router) retry(concurrency int, handle message.NoPublishHandlerFunc) message.NoPublishHandlerFunc {
	places := make(chan struct{}, concurrency)
	once := func(m *message.Message) error {
		select {
		case places <- struct{}{}:
		case <-m.Context().Done():
			return m.Context().Err()
		}
		defer func() { <-places }()
		return handle(m)
	}
	return func(m *message.Message) error {
		pauses := r.pauses()
		for attempt := 1; ; attempt++ {
			err := recovered(once)(m)
			switch {
			case err == nil:
				return nil
			case m.Context().Err() != nil:
				return err // which goes back to the broker
			case attempt > r.config.Retries || errors.Is(err, errUnreadable):
				return &givenUp{err, attempt}
			}
			if wait(m.Context(), pauses.NextBackOff()) != nil {
				return err // and so does this
			}
		}
	}
}

// pauses returns how long to wait before each retry.
func (r *Router) pauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: r.config.Backoff, MaxInterval: r.config.MaxBackoff, Multiplier: 2, RandomizationFactor: 0.2,
	}
}

func wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// givenUp is the last error of a message that is not tried again.
type givenUp struct {
	error
	attempts int
}

func (e *givenUp) Unwrap() error { return e.error }
