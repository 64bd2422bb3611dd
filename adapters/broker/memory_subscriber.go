package broker

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// memorySubscriber subscribes to topics of a Memory broker as one group.
type memorySubscriber struct {
	broker *Memory
	config QueueConfig
	closed bool // guarded by the broker's mutex
}

var (
	_ message.Subscriber           = (*memorySubscriber)(nil)
	_ message.SubscribeInitializer = (*memorySubscriber)(nil)
)

// SubscribeInitialize makes the group's queue on the topic.
func (s *memorySubscriber) SubscribeInitialize(topic string) error {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	if s.closed || s.broker.closed {
		return fmt.Errorf("make queue %s on %s: %w", s.config.Group, topic, ErrClosed)
	}
	s.broker.queue(topic, s.config)
	return nil
}

// Subscribe takes messages from the group's queue on the topic, until ctx is
// done or the subscriber or the broker closes. Then it closes the channel and
// gives back what is not acked; an ack after that comes too late.
func (s *memorySubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	m := s.broker
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.closed || m.closed {
		return nil, fmt.Errorf("subscribe %s to %s: %w", s.config.Group, topic, ErrClosed)
	}

	sub := &memorySubscription{
		queue: m.queue(topic, s.config),
		owner: s,
		out:   make(chan *message.Message, s.config.Concurrency),
		gone:  make(chan struct{}),
	}
	sub.ctx, sub.cancel = context.WithCancel(ctx)
	m.subscriptions[sub] = struct{}{}
	m.running.Add(1)
	for range s.config.Concurrency {
		sub.workers.Go(sub.work)
	}
	go sub.run()
	return sub.out, nil
}

// Close ends the subscriptions that were made with this subscriber and returns
// when they are gone. The queues stay.
func (s *memorySubscriber) Close() error {
	s.broker.mu.Lock()
	s.closed = true
	var own []*memorySubscription
	for sub := range s.broker.subscriptions {
		if sub.owner == s {
			own = append(own, sub)
			sub.cancel()
		}
	}
	s.broker.mu.Unlock()

	for _, sub := range own {
		<-sub.gone
	}
	return nil
}

// memorySubscription feeds one channel from a queue. Each of its workers has
// one message in flight, and out has room for all of them: sending never waits.
type memorySubscription struct {
	queue   *memoryQueue
	owner   *memorySubscriber
	out     chan *message.Message
	ctx     context.Context // parent of the context of every message
	cancel  context.CancelFunc
	workers sync.WaitGroup
	gone    chan struct{} // closed at the very end

	// Guarded by the broker's mutex.
	ended     bool
	unsettled []*memoryLane // taken, and neither acked nor nacked at the end
}

// run waits for the end of the subscription and tidies up after it. What nobody
// has read leaves the channel before it goes back to the queue, so that it does
// not reach two readers.
func (s *memorySubscription) run() {
	defer s.queue.broker.running.Done()
	defer close(s.gone)
	mu := &s.queue.broker.mu

	<-s.ctx.Done()
	mu.Lock()
	s.ended = true
	s.queue.wake.Broadcast()
	mu.Unlock()
	s.workers.Wait()
	s.drain()
	close(s.out)

	mu.Lock()
	defer mu.Unlock()
	s.cancel()
	delete(s.queue.broker.subscriptions, s)
	s.queue.giveBack(s.unsettled)
}

func (s *memorySubscription) drain() {
	for {
		select {
		case <-s.out:
		default:
			return
		}
	}
}

// work has one message after the other in flight, until the end.
func (s *memorySubscription) work() {
	q := s.queue
	q.broker.mu.Lock()
	defer q.broker.mu.Unlock()
	for {
		lane := s.take()
		if lane == nil {
			return
		}
		stored := lane.messages[0]
		q.broker.mu.Unlock()
		answer := s.deliver(stored)
		q.broker.mu.Lock()

		switch answer {
		case acked:
			q.ack(lane)
		case nacked:
			q.nack(lane)
		case unanswered:
			s.unsettled = append(s.unsettled, lane)
			return // it may still fill the worker's room in the channel
		}
	}
}

// take waits for a lane whose first message can be delivered. It returns nil
// when the subscription has ended.
func (s *memorySubscription) take() *memoryLane {
	for !s.ended {
		if lane := s.queue.ready.pop(); lane != nil {
			return lane
		}
		s.queue.wake.Wait()
	}
	return nil
}

// deliver sends a copy of the message and returns what the reader says to it.
// The copy's context ends with the answer.
func (s *memorySubscription) deliver(stored *message.Message) answer {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	msg := stored.Copy()
	msg.SetContext(ctx)
	s.out <- msg
	return awaitAnswer(msg, s.ctx.Done())
}

type answer int

const (
	unanswered answer = iota
	acked
	nacked
)

// awaitAnswer waits for the answer to msg until the end. An answer that came
// before the end counts, even when both are seen at once.
func awaitAnswer(msg *message.Message, end <-chan struct{}) answer {
	select {
	case <-msg.Acked():
		return acked
	case <-msg.Nacked():
		return nacked
	case <-end:
	}
	select {
	case <-msg.Acked():
		return acked
	case <-msg.Nacked():
		return nacked
	default:
		return unanswered
	}
}
