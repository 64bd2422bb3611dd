package broker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/queue"
)

// SQLQueues are queues in a database. A message is in a queue from the commit of
// Put to that of the Settle that acks it, and claimed by one holder at a time.
type SQLQueues interface {
	// Declare makes a queue, or changes which types it takes from now on.
	Declare(context.Context, queue.Queue) error

	// Put adds messages to every queue on the topic that takes their type, all or
	// none. It returns queue.ErrNone if there is no queue. When the context is
	// done first it returns, and whether they were added is not known.
	Put(ctx context.Context, topic string, messages []queue.Message) error

	// Claim takes messages that are due, until the lease ends. It does not wait
	// for any. It returns queue.ErrNone if there is no such queue.
	Claim(context.Context, queue.Claim) ([]queue.Claimed, error)

	// Settle removes what was acked, and lets what was nacked rest.
	Settle(context.Context, queue.Settlement) error

	// Extend begins the lease of claimed messages anew.
	Extend(ctx context.Context, holder string, seqs []int64, lease time.Duration) error

	// Release gives back everything that a holder has claimed of a queue.
	Release(ctx context.Context, q queue.Queue, holder string) error

	// Ping tells whether the database answers.
	Ping(context.Context) error
}

const (
	// minPoll and maxPoll are how often an idle subscription looks for messages of
	// other processes: more and more seldom.
	minPoll = 5 * time.Millisecond
	maxPoll = 250 * time.Millisecond
)

// SQL is a broker whose queues are in the store's own database, for several
// processes without a message broker. What Publish has returned nil for is as
// durable as what the store commits.
//
// Subscriptions are woken by messages of their own process and look for those of
// others, at least every 250ms. Messages of one key may overtake each other. The
// headers are kept as JSON, so they should be text in UTF-8. A queue grows for as
// long as nobody reads it: QueueConfig.Lossy and Config.Capacity do not count.
//
// Its methods are safe for concurrent use. The database is not its own: Close
// leaves it open.
type SQL struct {
	*leasing
	store SQLQueues

	mu      sync.Mutex
	waiting map[string]map[*sqlQueue]struct{} // by topic
}

var _ Broker = (*SQL)(nil)

// NewSQL returns a broker whose queues are kept by a store.
func NewSQL(store SQLQueues, c Config) *SQL {
	b := &SQL{leasing: newLeasing(c.withDefaults()), store: store, waiting: make(map[string]map[*sqlQueue]struct{})}
	b.open = b.openQueue
	return b
}

// Publish commits the messages to the queue of every group that wants them, all
// or none.
func (b *SQL) Publish(topic string, messages ...*message.Message) error {
	if b.isClosed() {
		return fmt.Errorf("publish to %s: %w", topic, ErrClosed)
	}
	if len(messages) == 0 {
		return nil
	}
	encoded := make([]queue.Message, len(messages))
	for i, m := range messages {
		headers, err := json.Marshal(m.Metadata)
		if err != nil {
			return fmt.Errorf("encode the headers of message %s: %w", m.UUID, err)
		}
		encoded[i] = queue.Message{ID: m.UUID, Type: m.Metadata.Get(TypeHeader), Headers: headers, Payload: m.Payload}
	}
	ctx, cancel := untilOneIsDone(messages)
	defer cancel()
	err := b.store.Put(ctx, topic, encoded)
	if errors.Is(err, queue.ErrNone) {
		err = ErrUnroutable
	}
	if err != nil {
		return fmt.Errorf("publish message %s to %s: %w", messages[0].UUID, topic, err)
	}
	b.wake(topic)
	return nil
}

// untilOneIsDone returns a context that ends with the first of the messages'.
func untilOneIsDone(messages []*message.Message) (context.Context, context.CancelFunc) {
	first := messages[0].Context()
	ctx, cancel := context.WithCancel(first)
	stops := []func() bool{}
	for _, m := range messages[1:] {
		if other := m.Context(); other != first {
			stops = append(stops, context.AfterFunc(other, cancel))
		}
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// Ping implements Broker.
func (b *SQL) Ping(ctx context.Context) error {
	if err := b.store.Ping(ctx); err != nil {
		return fmt.Errorf("ping the store of the queues: %w", err)
	}
	return nil
}

// Close ends all subscriptions. What they have not settled is given back.
func (b *SQL) Close() error { return b.end(nil) }

func (b *SQL) openQueue(topic string, c QueueConfig) leasedQueue {
	q := &sqlQueue{
		broker: b,
		queue:  queue.Queue{Topic: topic, Group: c.Group, Types: c.Types},
		holder: rand.Text(),
		news:   make(chan struct{}, 1),
		poll:   minPoll,
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting[topic] == nil {
		b.waiting[topic] = make(map[*sqlQueue]struct{})
	}
	b.waiting[topic][q] = struct{}{}
	return q
}

// wake has the subscriptions of this process look for messages.
func (b *SQL) wake(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for q := range b.waiting[topic] {
		q.wake()
	}
}

// sqlQueue is a queue as one subscription sees it.
type sqlQueue struct {
	broker *SQL
	queue  queue.Queue
	holder string
	news   chan struct{} // holds one token when there may be something to claim
	poll   time.Duration // how long to wait before the next look; grows while idle
}

func (q *sqlQueue) wake() {
	select {
	case q.news <- struct{}{}:
	default:
	}
}

func (q *sqlQueue) declare(ctx context.Context) error { return q.broker.store.Declare(ctx, q.queue) }

func (q *sqlQueue) claim(ctx context.Context, n int) ([]leased, error) {
	claimed, err := q.broker.store.Claim(ctx, queue.Claim{Queue: q.queue, Holder: q.holder, Limit: n, Lease: q.broker.lease})
	switch {
	case errors.Is(err, queue.ErrNone):
		return nil, errNoQueue
	case err != nil:
		return nil, err
	case len(claimed) == 0:
		q.wait(ctx)
		return nil, nil
	}
	q.poll = minPoll
	messages := make([]leased, len(claimed))
	for i, c := range claimed {
		m := message.NewMessage(c.ID, c.Payload)
		if err := json.Unmarshal(c.Headers, &m.Metadata); err != nil {
			// Nobody but Publish writes them. Whoever handles the message misses them.
			q.broker.config.Log.Error("the headers of a message cannot be read", "message", c.ID, "err", err)
		}
		if m.Metadata == nil {
			m.Metadata = message.Metadata{}
		}
		messages[i] = leased{id: strconv.FormatInt(c.Seq, 10), nacks: c.Nacks, msg: m}
	}
	return messages, nil
}

// wait waits for news from this process, or for the time to look for others'.
func (q *sqlQueue) wait(ctx context.Context) {
	timer := time.NewTimer(q.poll)
	defer timer.Stop()
	select {
	case <-q.news:
		q.poll = minPoll
	case <-timer.C:
		q.poll = min(2*q.poll, maxPoll)
	case <-ctx.Done():
	}
}

func (q *sqlQueue) settle(ctx context.Context, acked, nacked []leased) error {
	s := queue.Settlement{Holder: q.holder, Acked: seqs(acked)}
	for i, seq := range seqs(nacked) {
		delay := q.broker.config.delay(nacked[i].nacks + 1)
		s.Nacked = append(s.Nacked, queue.Nack{Seq: seq, Delay: delay})
	}
	if err := q.broker.store.Settle(ctx, s); err != nil {
		return err
	}
	for _, n := range s.Nacked {
		time.AfterFunc(n.Delay, q.wake)
	}
	return nil
}

func (q *sqlQueue) extend(ctx context.Context, held []leased) error {
	if len(held) == 0 {
		return nil
	}
	return q.broker.store.Extend(ctx, q.holder, seqs(held), q.broker.lease)
}

func (q *sqlQueue) release(ctx context.Context) error {
	err := q.broker.store.Release(ctx, q.queue, q.holder)
	if err == nil {
		q.broker.wake(q.queue.Topic)
	}
	return err
}

func (q *sqlQueue) interrupt() {
	q.broker.mu.Lock()
	defer q.broker.mu.Unlock()
	delete(q.broker.waiting[q.queue.Topic], q)
	if len(q.broker.waiting[q.queue.Topic]) == 0 {
		delete(q.broker.waiting, q.queue.Topic)
	}
}

// seqs returns the names of messages in the database.
func seqs(messages []leased) []int64 {
	all := make([]int64, len(messages))
	for i, m := range messages {
		all[i], _ = strconv.ParseInt(m.id, 10, 64) // was made by claim
	}
	return all
}
