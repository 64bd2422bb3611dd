package broker

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Memory is a broker inside the process. It forgets everything when the process
// ends: whoever cannot lose a message keeps it elsewhere and publishes it again.
//
// Unlike Watermill's GoChannel it shares the work of a group among competing
// subscriptions with many messages in flight, each of another key, keeps the order
// of each key, and delays redelivery. Its methods are safe for concurrent use.
type Memory struct {
	config  Config
	closing chan struct{}  // closed by Close; frees publishers that wait
	running sync.WaitGroup // subscriptions and pending redeliveries

	mu            sync.Mutex // guards what follows, and what is in the queues
	closed        bool
	topics        map[string][]*memoryQueue
	subscriptions map[*memorySubscription]struct{}
}

var _ Broker = (*Memory)(nil)

// NewMemory returns a broker without queues.
func NewMemory(config Config) *Memory {
	return &Memory{
		config:        config.withDefaults(),
		closing:       make(chan struct{}),
		topics:        make(map[string][]*memoryQueue),
		subscriptions: make(map[*memorySubscription]struct{}),
	}
}

func openMemory(_ context.Context, address string, c Config) (Broker, error) {
	if address != "memory:" {
		return nil, fmt.Errorf("broker %q: want memory: and nothing behind it", address)
	}
	return NewMemory(c), nil
}

// Publish puts each message into the queue of every group that reads the topic.
// While one of these queues is full it waits, until the message's context is
// done or the broker closes. It returns ErrUnroutable if the topic has no
// queue, and ErrClosed after Close.
//
// One message enters all queues or none. Of several, those before the one that
// failed stay published: to publish all of them again delivers these twice.
//
// The metadata is copied, the payload is not: it must not be changed any more,
// neither by the publisher nor by a subscriber.
func (m *Memory) Publish(topic string, messages ...*message.Message) error {
	for _, msg := range messages {
		if err := m.publish(topic, msg); err != nil {
			return fmt.Errorf("publish message %s to %s: %w", msg.UUID, topic, err)
		}
	}
	return nil
}

// publish reserves a place in one queue after the other, without holding the
// lock, and starts over with the rest if a queue came to exist meanwhile.
func (m *Memory) publish(topic string, msg *message.Message) error {
	stored := msg.Copy()
	reserved := 0
	for {
		queues, err := m.enqueue(topic, stored, reserved)
		if err == nil && reserved == len(queues) {
			return nil
		}
		for err == nil && reserved < len(queues) {
			if q := queues[reserved]; !q.lossy && q.takes(stored) {
				err = m.reserve(msg.Context(), q)
			}
			if err == nil {
				reserved++
			}
		}
		if err != nil {
			for _, q := range queues[:reserved] {
				if !q.lossy && q.takes(stored) {
					<-q.places
				}
			}
			return err
		}
	}
}

// enqueue returns the topic's queues, in the order in which they came to exist.
// It puts msg into them if a place is reserved in all.
func (m *Memory) enqueue(topic string, msg *message.Message, reserved int) ([]*memoryQueue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	queues := m.topics[topic]
	switch {
	case m.closed:
		return queues, ErrClosed
	case len(queues) == 0:
		return nil, ErrUnroutable
	case reserved == len(queues):
		for _, q := range queues {
			if q.takes(msg) && (!q.lossy || q.hasPlace()) {
				q.push(msg)
			}
		}
	}
	return queues, nil
}

// reserve takes a place in q, or waits for one.
func (m *Memory) reserve(ctx context.Context, q *memoryQueue) error {
	select {
	case q.places <- struct{}{}:
		return nil
	default:
	}
	select {
	case q.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-m.closing:
		return ErrClosed
	}
}

// Depth returns how many messages the group has waiting and in flight on the
// topic. It is 0 if there is no such queue.
func (m *Memory) Depth(topic, group string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q := m.find(topic, group); q != nil {
		return q.depth
	}
	return 0
}

// Queue returns a subscriber that reads topics as one consumer group. It also
// is a message.SubscribeInitializer.
//
// The queue of a topic comes to exist at the group's first Subscribe or
// SubscribeInitialize. From then on it gets everything that is published to the
// topic and wanted, also while nobody is subscribed.
func (m *Memory) Queue(config QueueConfig) message.Subscriber {
	config.Concurrency = max(config.Concurrency, 1)
	return &memorySubscriber{broker: m, config: config}
}

// queue returns the group's queue on the topic, a new one if there is none.
func (m *Memory) queue(topic string, config QueueConfig) *memoryQueue {
	q := m.find(topic, config.Group)
	if q == nil {
		q = newMemoryQueue(m, config)
		m.topics[topic] = append(m.topics[topic], q)
	}
	return q
}

func (m *Memory) find(topic, group string) *memoryQueue {
	for _, q := range m.topics[topic] {
		if q.group == group {
			return q
		}
	}
	return nil
}

// Ping implements Broker: what is in the process is there.
func (m *Memory) Ping(context.Context) error { return nil }

// Close ends all subscriptions and frees the publishers that wait for space.
// It returns when the broker's goroutines are gone. What was not acked is lost.
func (m *Memory) Close() error {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		close(m.closing)
		for s := range m.subscriptions {
			s.cancel()
		}
		for _, queues := range m.topics {
			for _, q := range queues {
				q.stopTimers()
			}
		}
	}
	m.mu.Unlock()

	m.running.Wait()
	return nil
}
