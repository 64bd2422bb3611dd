package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// natsFetchWait is how long a fetch waits for messages, and so how long a
	// subscription takes to end: what the server has sent by then goes back at
	// once rather than when its patience ends.
	natsFetchWait = 250 * time.Millisecond

	// natsRetryWait is the delay before a subscription tries again.
	natsRetryWait = 250 * time.Millisecond
)

// declare makes the topic's stream, unless there is one, and the group's consumer
// as it is configured now.
func (b *NATS) declare(ctx context.Context, topic string, c QueueConfig) error {
	b.mu.Lock()
	if b.queues[topic] == nil {
		b.queues[topic] = make(map[string]QueueConfig)
	}
	b.queues[topic][c.Group] = c
	b.mu.Unlock()
	_, err := b.consumer(ctx, topic, c)
	return err
}

func (b *NATS) consumer(ctx context.Context, topic string, c QueueConfig) (jetstream.Consumer, error) {
	_, err := b.stream.CreateStream(ctx, jetstream.StreamConfig{
		Name:      natsName(topic),
		Subjects:  []string{natsSubjects(topic)},
		Storage:   jetstream.FileStorage,
		Retention: jetstream.InterestPolicy,
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil, err
	}
	var subjects []string
	for _, t := range c.Types {
		subjects = append(subjects, natsSubject(topic, t))
	}
	return b.stream.CreateOrUpdateConsumer(ctx, natsName(topic), jetstream.ConsumerConfig{
		Durable:        natsName(c.Group),
		FilterSubjects: subjects,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        b.ackWait,
		MaxDeliver:     -1,
		// Messages that rest after a nack count, too. They are not to hold up
		// the others.
		MaxAckPending: max(10_000, 64*c.Concurrency),
	})
}

// read fetches from the group's consumer until ctx is done. It makes the consumer
// again when it is gone.
func (b *NATS) read(ctx context.Context, topic string, c QueueConfig, out chan<- *message.Message) {
	s := &natsSubscription{
		broker: b,
		log:    b.log(topic, c),
		out:    out,
		// One message for each worker, and one that waits for it.
		waiting: make(chan jetstream.Msg, 2*c.Concurrency),
		room:    make(chan struct{}, 2*c.Concurrency),
		held:    make(map[jetstream.Msg]struct{}),
	}
	var running sync.WaitGroup
	for range c.Concurrency {
		running.Go(func() { s.work(ctx) })
	}
	running.Go(func() { s.beat(ctx) })

	for ; ctx.Err() == nil; rest(ctx, natsRetryWait) {
		if err := s.fetchAll(ctx, topic, c); ctx.Err() == nil && b.conn.IsConnected() {
			s.log.Warn("the queue cannot be read", "error", err)
		}
	}
	close(s.waiting)
	running.Wait()
}

// natsSubscription feeds one channel from a consumer.
type natsSubscription struct {
	broker  *NATS
	log     *slog.Logger
	out     chan<- *message.Message
	waiting chan jetstream.Msg // what no worker has taken yet
	room    chan struct{}      // holds a token per message that is held or asked for

	mu   sync.Mutex
	held map[jetstream.Msg]struct{} // what the server waits for
}

// fetchAll fetches messages into waiting until something is wrong or ctx is done.
func (s *natsSubscription) fetchAll(ctx context.Context, topic string, c QueueConfig) error {
	declareCtx, cancel := context.WithTimeout(ctx, declareTimeout)
	defer cancel()
	consumer, err := s.broker.consumer(declareCtx, topic, c)
	for err == nil && ctx.Err() == nil {
		var room int
		if room, err = s.reserve(ctx); err == nil {
			err = s.fetch(ctx, consumer, room)
		}
	}
	return err
}

// reserve waits for room for one message and returns for how many there is.
func (s *natsSubscription) reserve(ctx context.Context) (int, error) {
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for room := 1; ; room++ {
		select {
		case s.room <- struct{}{}:
		default:
			return room, nil
		}
	}
}

// fetch fetches at most room messages. After the end of ctx it goes on to take
// what the server may have sent, to give it back.
func (s *natsSubscription) fetch(ctx context.Context, consumer jetstream.Consumer, room int) error {
	defer func() {
		for ; room > 0; room-- {
			<-s.room
		}
	}()
	batch, err := consumer.Fetch(room, jetstream.FetchMaxWait(natsFetchWait))
	if err != nil {
		return err
	}
	end := ctx.Done()
	for {
		select {
		case m, open := <-batch.Messages():
			if !open {
				return batch.Error()
			}
			room--
			s.hold(m)
			s.waiting <- m
		case <-end:
			if !s.broker.conn.IsConnected() {
				return ctx.Err()
			}
			end = nil
		}
	}
}

// work has one message after the other in flight. After the end of ctx it gives
// back those that are waiting.
func (s *natsSubscription) work(ctx context.Context) {
	for m := range s.waiting {
		var err error
		switch s.deliver(ctx, m) {
		case acked:
			err = m.Ack()
		case nacked:
			err = m.NakWithDelay(s.broker.config.delay(natsDeliveries(m)))
		case unanswered:
			err = m.Nak()
		}
		if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			s.log.Warn("a message will come again, because its answer is lost", "error", err)
		}
		s.release(m)
		<-s.room
	}
}

func (s *natsSubscription) deliver(ctx context.Context, from jetstream.Msg) answer {
	if ctx.Err() != nil {
		return unanswered
	}
	msgCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := messageFromNATS(from)
	m.SetContext(msgCtx)
	s.out <- m
	return awaitAnswer(m, ctx.Done())
}

// deliveries is how often the server has sent the message.
func natsDeliveries(m jetstream.Msg) int {
	meta, err := m.Metadata()
	if err != nil {
		return 1 // it is not from a stream; nobody will send it again
	}
	return int(meta.NumDelivered)
}

func (s *natsSubscription) hold(m jetstream.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[m] = struct{}{}
}

func (s *natsSubscription) release(m jetstream.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, m)
}

// beat tells the server that the messages here are still being worked on.
func (s *natsSubscription) beat(ctx context.Context) {
	for ; ctx.Err() == nil; rest(ctx, s.broker.ackWait/3) {
		s.mu.Lock()
		for m := range s.held {
			// A message that nobody hears of comes again, which is allowed.
			_ = m.InProgress()
		}
		s.mu.Unlock()
	}
}
