package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// rabbitSubscriber subscribes to topics of a RabbitMQ as one group.
type rabbitSubscriber struct {
	broker *RabbitMQ
	config QueueConfig
	closed bool // guarded by the broker's mutex
}

var (
	_ message.Subscriber           = (*rabbitSubscriber)(nil)
	_ message.SubscribeInitializer = (*rabbitSubscriber)(nil)
)

// SubscribeInitialize makes the group's queue on the topic. Unlike Subscribe it
// fails while the server is away.
func (s *rabbitSubscriber) SubscribeInitialize(topic string) error {
	link, err := s.broker.consuming.await(context.Background())
	if err == nil {
		err = link.within(rabbitCallTimeout, func() error {
			channel, err := link.conn.Channel()
			if err != nil {
				return fmt.Errorf("open a channel: %w", err)
			}
			err = s.broker.topology.declareQueue(channel, topic, s.config)
			return errors.Join(err, channel.Close())
		})
	}
	if err != nil {
		return fmt.Errorf("make queue %s on %s: %w", s.config.Group, topic, err)
	}
	return nil
}

// Subscribe takes messages from the group's queue on the topic, until ctx is done
// or the subscriber or the broker closes. Then it closes the channel, and what is
// not acked goes back to the queue; an ack after that comes too late.
//
// When the server is away the queue and the messages come once it is back. When it
// refuses the queue, say because one of that name has other settings, Subscribe
// returns its error.
func (s *rabbitSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	sub := &rabbitSubscription{
		broker: s.broker, owner: s, topic: topic,
		log:  s.broker.config.Log.With("queue", s.broker.topology.queue(topic, s.config.Group)),
		out:  make(chan *message.Message, s.config.Concurrency),
		gone: make(chan struct{}),
	}
	sub.ctx, sub.cancel = context.WithCancel(ctx)
	if !s.broker.admit(sub) {
		sub.cancel()
		return nil, fmt.Errorf("subscribe %s to %s: %w", s.config.Group, topic, ErrClosed)
	}
	first, err := sub.open()
	if refused(err) {
		sub.cancel()
		sub.leave()
		return nil, fmt.Errorf("subscribe %s to %s: %w", s.config.Group, topic, err)
	}
	go sub.run(first, err)
	return sub.out, nil
}

// Close ends the subscriptions that were made with this subscriber and returns
// when they are gone. The queues stay.
func (s *rabbitSubscriber) Close() error {
	s.broker.mu.Lock()
	s.closed = true
	var own []*rabbitSubscription
	for sub := range s.broker.subscribed {
		if sub.owner == s {
			sub.cancel()
			own = append(own, sub)
		}
	}
	s.broker.mu.Unlock()
	for _, sub := range own {
		<-sub.gone
	}
	return nil
}

// admit tells whether a new subscription may begin.
func (r *RabbitMQ) admit(s *rabbitSubscription) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || s.owner.closed {
		return false
	}
	r.subscribed[s] = struct{}{}
	return true
}

// refused tells whether the server has understood what it was asked, and said no.
func refused(err error) bool {
	var e *amqp.Error
	return errors.As(err, &e) && e.Server && e.Code != amqp.ConnectionForced && e.Code != amqp.InternalError
}

// rabbitSubscription feeds one channel from a queue, in one session after the
// other.
type rabbitSubscription struct {
	broker *RabbitMQ
	owner  *rabbitSubscriber
	topic  string
	log    *slog.Logger
	out    chan *message.Message
	ctx    context.Context // parent of the context of every message
	cancel context.CancelFunc
	gone   chan struct{} // closed at the very end
}

// run begins a new session whenever one has ended, with the first one or the error
// that it has met.
func (s *rabbitSubscription) run(session *rabbitSession, err error) {
	defer s.leave()
	defer close(s.out)
	backoff := rabbitMinBackoff
	for {
		if err == nil {
			began := time.Now()
			err = session.run()
			s.drain()
			if time.Since(began) > rabbitMaxBackoff {
				backoff = rabbitMinBackoff
			}
		}
		if s.ctx.Err() != nil {
			return
		}
		if !errors.Is(err, errRabbitAway) { // of which the connection has told
			s.log.Warn("subscription interrupted", "error", err)
		}
		select {
		case <-time.After(backoff):
		case <-s.ctx.Done():
			return
		}
		backoff = min(2*backoff, rabbitMaxBackoff)
		session, err = s.open()
	}
}

// drain takes back what nobody has read. Its session has ended, so it comes again.
func (s *rabbitSubscription) drain() {
	for {
		select {
		case <-s.out:
		default:
			return
		}
	}
}

func (s *rabbitSubscription) leave() {
	s.cancel()
	s.broker.mu.Lock()
	delete(s.broker.subscribed, s)
	s.broker.mu.Unlock()
	close(s.gone)
}

// open begins a session: a channel, the queue with its bindings, and a consumer.
func (s *rabbitSubscription) open() (*rabbitSession, error) {
	link, err := s.broker.consuming.await(s.ctx)
	if err != nil {
		return nil, err
	}
	n := &rabbitSession{subscription: s, link: link, lanes: make(map[string][]rabbitDelivery)}
	err = link.within(rabbitCallTimeout, func() (err error) {
		if n.channel, err = link.conn.Channel(); err != nil {
			return fmt.Errorf("open a channel: %w", err)
		}
		if err := n.consume(); err != nil {
			return errors.Join(err, n.channel.Close())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	n.ctx, n.cancel = context.WithCancel(s.ctx)
	return n, nil
}
