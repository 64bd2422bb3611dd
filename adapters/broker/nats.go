package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// natsPublishTimeout is how long a message waits for the server's answer
	// when its context has no earlier deadline.
	natsPublishTimeout = 10 * time.Second

	// natsPublishesPending is how many messages wait for an answer at most.
	natsPublishesPending = 16_384
)

// NATS is a broker on a NATS server with JetStream. A topic is a stream, a queue
// is a durable consumer of it. Its methods are safe for concurrent use.
//
// A message stays in its stream's files until every group that wants its type has
// acked it. Many messages are in flight, in no order: two of one key may be
// handled at a time, and a nacked one is overtaken by all others. A stream is
// not replicated unless the server's operator has made it so, and the server
// syncs its files every two minutes unless it is told to do so always.
//
// When a server comes back without its files, each process makes the queues that
// it has used again. What is published before that does not reach the queues of
// processes that have not done so yet.
type NATS struct {
	config Config
	conn   *nats.Conn
	stream jetstream.JetStream
	life   *lifetime

	ackWait time.Duration // how long the server waits for a word of whoever has a message

	mu     sync.Mutex
	queues map[string]map[string]QueueConfig // what was declared here, by topic and group
	routes map[string]bool                   // topics that were seen with a queue
	losses int                               // how often routes was emptied
}

var _ Broker = (*NATS)(nil)

func openNATS(_ context.Context, address string, c Config) (Broker, error) {
	return NewNATS(address, c)
}

// NewNATS returns a broker on the server at an address such as
// "nats://user:password@host:4222". The server may be away.
func NewNATS(address string, c Config) (*NATS, error) {
	if u, err := url.Parse(address); err != nil || u.Scheme != "nats" || u.Host == "" || u.Path != "" {
		return nil, errors.New("broker nats: want nats://[user:password@]host:port")
	}
	b := &NATS{
		config: c.withDefaults(),
		life:   newLifetime(context.Background()),

		ackWait: 30 * time.Second,

		queues: make(map[string]map[string]QueueConfig),
		routes: make(map[string]bool),
	}
	err := b.connect(address)
	if err == nil {
		b.stream, err = jetstream.New(b.conn,
			jetstream.WithPublishAsyncTimeout(natsPublishTimeout),
			jetstream.WithPublishAsyncMaxPending(natsPublishesPending))
	}
	if err == nil {
		err = b.watchDeletions()
	}
	if err != nil {
		if b.conn != nil {
			b.conn.Close()
		}
		return nil, fmt.Errorf("open the NATS broker: %w", err)
	}
	return b, nil
}

func (b *NATS) connect(address string) (err error) {
	log := b.config.Log
	b.conn, err = nats.Connect(address,
		nats.Name(b.config.Client),
		nats.Timeout(2*time.Second),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250*time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.ReconnectBufSize(-1), // whoever publishes is to know that the server is away
		nats.PingInterval(5*time.Second),
		nats.FlusherTimeout(2*time.Second),
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) {
			if !conn.IsClosed() {
				log.Warn("the connection to NATS is lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			b.forgetRoutes()
			log.Info("connected to NATS again")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("NATS reports an error", "error", err)
		}))
	return err
}

// watchDeletions makes Publish look again for queues when any was deleted. In a
// stream without consumers the server drops messages and says that it has them.
func (b *NATS) watchDeletions() error {
	forget := func(*nats.Msg) { b.forgetRoutes() }
	for _, subject := range []string{
		"$JS.EVENT.ADVISORY.CONSUMER.DELETED.*.*",
		"$JS.EVENT.ADVISORY.STREAM.DELETED.*",
	} {
		if _, err := b.conn.Subscribe(subject, forget); err != nil {
			return err
		}
	}
	return nil
}

func (b *NATS) forgetRoutes() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.routes)
	b.losses++
}

// Publish sends the messages, one behind the other, and returns when the server
// has answered for all. It returns ErrUnroutable if the topic has no queue, an
// error at once while the server is away, and ErrClosed after Close. Some of the
// messages may be published when it returns an error.
//
// It learns by a notice of the server that a queue was deleted by hand. What is
// published until that arrives may be lost with the queue.
func (b *NATS) Publish(topic string, messages ...*message.Message) error {
	if b.life.ctx.Err() != nil {
		return fmt.Errorf("publish to %s: %w", topic, ErrClosed)
	}
	unsent, err := b.send(topic, messages)
	if err == nil && len(unsent) > 0 {
		b.forgetRoutes() // the stream is gone; route brings it back
		if unsent, err = b.send(topic, unsent); err == nil && len(unsent) > 0 {
			err = jetstream.ErrNoStreamResponse
		}
	}
	if err != nil {
		return fmt.Errorf("publish %d messages to %s: %w", len(messages), topic, err)
	}
	return nil
}

// send publishes the messages and returns those that no stream has answered for.
func (b *NATS) send(topic string, messages []*message.Message) (unsent []*message.Message, err error) {
	answers := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		if err := b.route(m.Context(), topic); err != nil {
			return nil, err
		}
		answers[i], err = b.stream.PublishMsgAsync(natsFromMessage(topic, m), jetstream.WithRetryAttempts(0))
		if err != nil {
			return nil, err
		}
	}
	for i, m := range messages {
		err := b.await(m.Context(), answers[i])
		if errors.Is(err, jetstream.ErrNoStreamResponse) {
			unsent = append(unsent, m)
		} else if err != nil {
			return nil, err
		}
	}
	return unsent, nil
}

func (b *NATS) await(ctx context.Context, answer jetstream.PubAckFuture) error {
	select {
	case <-answer.Ok():
		return nil
	case err := <-answer.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-b.life.ctx.Done():
		return ErrClosed
	}
}

// route returns ErrUnroutable if the topic has no queue. It asks the server only
// if it does not remember one, and then brings back those that were made here.
func (b *NATS) route(ctx context.Context, topic string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.connected(); err != nil {
		return err
	}
	b.mu.Lock()
	known, losses := b.routes[topic], b.losses
	b.mu.Unlock()
	if known {
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, natsPublishTimeout)
	defer cancel()
	defer context.AfterFunc(b.life.ctx, cancel)()
	if err := b.find(ctx, topic); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.losses == losses {
		b.routes[topic] = true
	}
	return nil
}

func (b *NATS) find(ctx context.Context, topic string) error {
	b.mu.Lock()
	var declared []QueueConfig
	for _, c := range b.queues[topic] {
		declared = append(declared, c)
	}
	b.mu.Unlock()
	for _, c := range declared {
		if err := b.declare(ctx, topic, c); err != nil {
			return err
		}
	}
	if len(declared) > 0 {
		return nil
	}
	stream, err := b.stream.Stream(ctx, natsName(topic))
	if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && stream.CachedInfo().State.Consumers == 0 {
		return ErrUnroutable
	}
	return err
}

// Queue returns a subscriber that reads topics as one consumer group. The queue of
// a topic takes only what is wanted. A new one begins with the oldest message
// that another group still has to handle.
func (b *NATS) Queue(c QueueConfig) message.Subscriber {
	c.Types = slices.Clone(c.Types)
	return newRemoteSubscriber(b, c, b.config.Log, b.life)
}

// Ping tells whether the server can be reached and has JetStream.
func (b *NATS) Ping(ctx context.Context) error {
	if b.life.ctx.Err() != nil {
		return ErrClosed
	}
	err := b.connected()
	if err == nil {
		_, err = b.stream.AccountInfo(ctx)
	}
	if err != nil {
		return fmt.Errorf("ping NATS: %w", err)
	}
	return nil
}

// connected returns why the server is not there, or nil if it is.
func (b *NATS) connected() error {
	if b.conn.IsConnected() {
		return nil
	}
	if err := b.conn.LastError(); err != nil {
		return fmt.Errorf("not connected: %w", err)
	}
	return errors.New("not connected")
}

// Close ends all subscriptions, gives back what is not acked and disconnects. It
// frees the publishers that wait.
func (b *NATS) Close() error {
	b.life.close()
	b.conn.Close()
	return nil
}

func (b *NATS) log(topic string, c QueueConfig) *slog.Logger {
	return b.config.Log.With("topic", topic, "group", c.Group)
}
