package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

const (
	// lease is how long a message that a subscription has taken stays its own
	// without a word from it. A live subscription extends it at every third.
	lease = 30 * time.Second

	// grace is how long an ended subscription tries to settle and to give back
	// what it has. What it cannot give back comes again after the lease.
	grace = 2 * time.Second

	// settleBatch is how many answers are told to the server at once.
	settleBatch = 256
)

// leasedQueue is a queue that a server keeps, as one subscription sees it. Messages
// are taken from it for the time of a lease: whoever has one acks it, nacks it,
// extends its lease, or loses it to somebody else.
type leasedQueue interface {
	// declare makes the queue or brings it back.
	declare(context.Context) error

	// claim takes up to n messages. When there are none it waits a while for
	// some, and may return nothing. It returns errNoQueue when the queue is gone.
	claim(ctx context.Context, n int) ([]leased, error)

	// settle removes what was acked, and lets what was nacked rest.
	settle(ctx context.Context, acked, nacked []leased) error

	// extend begins the lease of messages anew, and looks after the queue.
	extend(ctx context.Context, held []leased) error

	// release gives back at once whatever the subscription has claimed, even what
	// it never heard of because the answer to its claim was lost.
	release(context.Context) error

	// interrupt frees a claim that waits. Nothing is claimed afterwards.
	interrupt()
}

// leased is a message that was claimed.
type leased struct {
	id    string
	nacks int // how often it was nacked before, if the queue knows
	msg   *message.Message
}

// errNoQueue says that a queue is gone and has to be declared again.
var errNoQueue = errors.New("the queue is gone")

// leasing is the part of a broker that reads queues which a server keeps.
type leasing struct {
	config Config
	lease  time.Duration
	open   func(topic string, c QueueConfig) leasedQueue

	mu            sync.Mutex
	closed        bool
	subscriptions map[*leasedSubscription]struct{}
}

func newLeasing(c Config) *leasing {
	// A message that rests after a nack does so within its lease.
	return &leasing{config: c, lease: max(lease, 3*c.MaxRedelivery), subscriptions: make(map[*leasedSubscription]struct{})}
}

// Queue implements Broker.
func (l *leasing) Queue(c QueueConfig) message.Subscriber {
	c.Concurrency = max(c.Concurrency, 1)
	return &leasedSubscriber{leasing: l, config: c}
}

// isClosed tells whether the broker is closed.
func (l *leasing) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// end ends the subscriptions of one subscriber, or all and the broker with them.
// It waits for them, a bit longer than they try to reach the server.
func (l *leasing) end(owner *leasedSubscriber) error {
	l.mu.Lock()
	if owner == nil {
		l.closed = true
	} else {
		owner.closed = true
	}
	var ended []*leasedSubscription
	for s := range l.subscriptions {
		if owner == nil || s.owner == owner {
			ended = append(ended, s)
			s.cancel()
		}
	}
	l.mu.Unlock()

	late := time.NewTimer(2 * grace)
	defer late.Stop()
	for _, s := range ended {
		select {
		case <-s.gone:
		case <-late.C:
			return fmt.Errorf("close: a call of %s to the server has not come back", s.name())
		}
	}
	return nil
}

// leasedSubscriber subscribes to topics as one group.
type leasedSubscriber struct {
	leasing *leasing
	config  QueueConfig
	closed  bool // guarded by the mutex of leasing
}

var _ message.SubscribeInitializer = (*leasedSubscriber)(nil)

// SubscribeInitialize makes the group's queue on the topic.
func (s *leasedSubscriber) SubscribeInitialize(topic string) error {
	s.leasing.mu.Lock()
	closed := s.closed || s.leasing.closed
	s.leasing.mu.Unlock()
	if closed {
		return fmt.Errorf("make queue %s on %s: %w", s.config.Group, topic, ErrClosed)
	}
	q := s.leasing.open(topic, s.config)
	defer q.interrupt()
	ctx, cancel := context.WithTimeout(context.Background(), 2*grace)
	defer cancel()
	if err := q.declare(ctx); err != nil {
		return fmt.Errorf("make queue %s on %s: %w", s.config.Group, topic, err)
	}
	return nil
}

// Subscribe takes messages from the group's queue on the topic, until ctx is done
// or the subscriber or the broker closes. Then it gives back what is not acked and
// closes the channel; an ack after that comes too late.
//
// While the server is away the subscription tries to reach it, from the start.
func (s *leasedSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	l := s.leasing
	l.mu.Lock()
	if s.closed || l.closed {
		l.mu.Unlock()
		return nil, fmt.Errorf("subscribe %s to %s: %w", s.config.Group, topic, ErrClosed)
	}
	sub := newLeasedSubscription(ctx, s, topic)
	l.subscriptions[sub] = struct{}{}
	l.mu.Unlock()

	declaring, cancel := context.WithTimeout(sub.ctx, grace)
	defer cancel()
	if err := sub.queue.declare(declaring); err != nil {
		sub.trouble(err)
	} else {
		sub.declared = true
	}
	go sub.run()
	return sub.out, nil
}

// Close ends the subscriptions that were made with this subscriber and returns
// when they are gone. The queues stay.
func (s *leasedSubscriber) Close() error { return s.leasing.end(s) }
