package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// declareTimeout is how long a queue may take to come to exist.
const declareTimeout = 5 * time.Second

// remoteQueues is what a broker on a server does for its subscribers.
type remoteQueues interface {
	// declare makes the group's queue on the topic if it is not there.
	declare(ctx context.Context, topic string, c QueueConfig) error

	// read sends what is in the queue to out, until ctx is done. It has at
	// most c.Concurrency messages in flight, for which out has room, and
	// sends nothing after it has returned. It survives the server's absence.
	read(ctx context.Context, topic string, c QueueConfig, out chan<- *message.Message)
}

// remoteSubscriber subscribes to topics of a server as one group.
type remoteSubscriber struct {
	queues remoteQueues
	config QueueConfig
	log    *slog.Logger
	life   *lifetime
}

var (
	_ message.Subscriber           = (*remoteSubscriber)(nil)
	_ message.SubscribeInitializer = (*remoteSubscriber)(nil)
)

// newRemoteSubscriber returns a subscriber that ends with the broker's life.
func newRemoteSubscriber(q remoteQueues, c QueueConfig, log *slog.Logger, broker *lifetime) *remoteSubscriber {
	c.Concurrency = max(c.Concurrency, 1)
	s := &remoteSubscriber{
		queues: q,
		config: c,
		log:    log.With("group", c.Group),
		life:   newLifetime(broker.ctx),
	}
	// After the broker's end the subscriber's life has ended, too.
	_ = broker.run(func() {
		<-s.life.ctx.Done()
		s.life.close()
	})
	return s
}

// SubscribeInitialize makes the group's queue on the topic.
func (s *remoteSubscriber) SubscribeInitialize(topic string) error {
	if err := s.declare(s.life.ctx, topic); err != nil {
		return fmt.Errorf("make queue %s on %s: %w", s.config.Group, topic, err)
	}
	return nil
}

func (s *remoteSubscriber) declare(ctx context.Context, topic string) error {
	if s.life.ctx.Err() != nil {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, declareTimeout)
	defer cancel()
	return s.queues.declare(ctx, topic, s.config)
}

// Subscribe takes messages from the group's queue on the topic, until ctx is
// done or the subscriber or the broker closes. Then it gives back what is not
// acked and closes the channel; an ack after that comes too late. While the
// server is away the subscription waits for it.
func (s *remoteSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	out := make(chan *message.Message, s.config.Concurrency)
	if err := s.declare(ctx, topic); err != nil {
		s.log.Warn("the queue is not there yet", "topic", topic, "error", err)
	}
	err := s.life.run(func() {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.life.ctx, cancel)()
		s.queues.read(ctx, topic, s.config, out)
		// What nobody has read has gone back to the queue.
		for len(out) > 0 {
			select {
			case <-out:
			default:
			}
		}
		close(out)
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe %s to %s: %w", s.config.Group, topic, err)
	}
	return out, nil
}

// Close ends the subscriptions that were made with this subscriber and returns
// when they are gone. The queues stay.
func (s *remoteSubscriber) Close() error {
	s.life.close()
	return nil
}

// lifetime is how long something runs, and what runs in it.
type lifetime struct {
	ctx context.Context // done at the end
	end context.CancelFunc

	mu      sync.Mutex // nothing begins after the end
	running sync.WaitGroup
}

func newLifetime(parent context.Context) *lifetime {
	ctx, end := context.WithCancel(parent)
	return &lifetime{ctx: ctx, end: end}
}

// run runs f beside the caller. It returns ErrClosed after the end.
func (l *lifetime) run(f func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return ErrClosed
	}
	l.running.Go(f)
	return nil
}

// close ends the life and returns when everything in it has returned.
func (l *lifetime) close() {
	l.mu.Lock()
	l.end()
	l.mu.Unlock()
	l.running.Wait()
}

// rest waits for d, or less if ctx is done.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
