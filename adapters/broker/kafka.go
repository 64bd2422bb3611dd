package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// kafkaPartitions is how many partitions a topic gets. Each has one message
	// in flight per group, so it bounds what a group handles at a time.
	kafkaPartitions = 16

	// kafkaPublishTimeout is how long a message waits for the server's answer
	// when its context has no earlier deadline.
	kafkaPublishTimeout = 10 * time.Second

	// kafkaUUIDHeader holds a message's UUID, where Watermill's Kafka marshaler
	// has it.
	kafkaUUIDHeader = "_watermill_message_uuid"
)

// Kafka is a broker on Kafka, or on what speaks its protocol. Its methods are
// safe for concurrent use.
//
// A topic has 16 partitions, unless its operator has made it otherwise. Messages of
// one key lie in one of them, and a group handles them in order and one at a
// time. It handles the partitions side by side: no more messages are in flight than
// there are partitions. Kafka does not ack out of order, so a nacked message holds
// up its partition, and all keys in it, until it is acked.
//
// A topic keeps messages as long as the server is told to, whoever has read
// them. Publish makes a topic that is not there and knows no ErrUnroutable. A new
// group begins with the oldest message that is kept. What was acked in the last
// moments before a crash comes again.
type Kafka struct {
	config Config
	seeds  []string
	client *kgo.Client // for all but subscriptions
	life   *lifetime

	mu     sync.Mutex
	topics map[string]bool // those that were seen on the server
}

var _ Broker = (*Kafka)(nil)

func openKafka(_ context.Context, address string, c Config) (Broker, error) {
	return NewKafka(address, c)
}

// NewKafka returns a broker on the servers at an address such as
// "kafka://one:9092,two:9092". They may be away.
func NewKafka(address string, c Config) (*Kafka, error) {
	b := &Kafka{
		config: c.withDefaults(),
		seeds:  strings.Split(strings.TrimPrefix(address, "kafka://"), ","),
		life:   newLifetime(context.Background()),
		topics: make(map[string]bool),
	}
	for _, seed := range b.seeds {
		if host, port, err := net.SplitHostPort(seed); err != nil || host == "" || port == "" {
			return nil, errors.New("broker kafka: want kafka://host:port[,host:port]")
		}
	}
	var err error
	b.client, err = b.connect(
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0), // whoever publishes waits; batches form meanwhile
	)
	if err != nil {
		return nil, fmt.Errorf("open the Kafka broker: %w", err)
	}
	return b, nil
}

func (b *Kafka) connect(more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(more,
		kgo.SeedBrokers(b.seeds...),
		kgo.ClientID(b.config.Client),
		kgo.DialTimeout(2*time.Second),
		kgo.MetadataMinAge(250*time.Millisecond),
		kgo.RetryBackoffFn(func(tries int) time.Duration {
			return min(time.Duration(tries)*100*time.Millisecond, time.Second)
		}),
		kgo.DisableClientMetrics(),
	)...)
}

// Publish sends the messages and returns when all replicas that are in sync have
// them. It returns an error when a message's context is done, or after 10s, and
// ErrClosed after Close; a message may still be published then.
func (b *Kafka) Publish(topic string, messages ...*message.Message) error {
	if b.life.ctx.Err() != nil {
		return fmt.Errorf("publish to %s: %w", topic, ErrClosed)
	}
	unsent, err := b.send(topic, messages)
	if err == nil && len(unsent) > 0 {
		b.forget(topic) // it is gone; send makes it again
		if unsent, err = b.send(topic, unsent); err == nil && len(unsent) > 0 {
			err = kerr.UnknownTopicOrPartition
		}
	}
	if err != nil {
		return fmt.Errorf("publish %d messages to %s: %w", len(messages), topic, err)
	}
	return nil
}

// send publishes the messages and returns those for which there was no topic.
func (b *Kafka) send(topic string, messages []*message.Message) (unsent []*message.Message, err error) {
	contexts := make([]context.Context, len(messages))
	answers := make([]chan error, len(messages))
	for i, m := range messages {
		ctx, cancel := b.withTimeout(m.Context())
		defer cancel()
		if err := b.makeTopic(ctx, topic); err != nil {
			return nil, err
		}
		contexts[i], answers[i] = ctx, make(chan error, 1)
		b.client.Produce(ctx, recordFromMessage(topic, m), func(_ *kgo.Record, err error) { answers[i] <- err })
	}
	for i, m := range messages {
		select {
		case err = <-answers[i]:
		case <-contexts[i].Done():
			err = contexts[i].Err()
		}
		switch {
		case err == nil:
		case b.life.ctx.Err() != nil:
			return nil, ErrClosed
		case errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID):
			unsent = append(unsent, m)
		default:
			return nil, err
		}
	}
	return unsent, nil
}

// withTimeout bounds ctx by kafkaPublishTimeout and by the broker's life.
func (b *Kafka) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, kafkaPublishTimeout)
	stop := context.AfterFunc(b.life.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

func (b *Kafka) forget(topic string) {
	b.mu.Lock()
	delete(b.topics, topic)
	b.mu.Unlock()
	// The client takes its time to see that a topic was made anew.
	b.client.PurgeTopicsFromProducing(topic)
}

// makeTopic makes the topic if it was not seen yet. Left to itself Kafka makes
// topics of one partition, or none.
func (b *Kafka) makeTopic(ctx context.Context, topic string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	known := b.topics[topic]
	b.mu.Unlock()
	if known {
		return nil
	}

	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic = topic
	wanted.NumPartitions = kafkaPartitions
	wanted.ReplicationFactor = -1 // the server's default
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, wanted)
	response, err := request.RequestWith(ctx, b.client)
	if err == nil && len(response.Topics) == 1 {
		err = kerr.ErrorForCode(response.Topics[0].ErrorCode)
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topics[topic] = true
	return nil
}

// Queue returns a subscriber that reads topics as one consumer group.
func (b *Kafka) Queue(c QueueConfig) message.Subscriber {
	c.Types = slices.Clone(c.Types)
	return newRemoteSubscriber(b, c, b.config.Log, b.life)
}

// Ping tells whether one of the servers can be reached.
func (b *Kafka) Ping(ctx context.Context) error {
	if b.life.ctx.Err() != nil {
		return ErrClosed
	}
	ctx, cancel := b.withTimeout(ctx)
	defer cancel()
	if err := b.client.Ping(ctx); err != nil {
		return fmt.Errorf("ping Kafka: %w", err)
	}
	return nil
}

// Close ends all subscriptions and disconnects. What is not acked goes to the next
// subscription. It frees the publishers that wait.
func (b *Kafka) Close() error {
	b.life.close()
	b.client.Close()
	return nil
}

func (b *Kafka) log(topic string, c QueueConfig) *slog.Logger {
	return b.config.Log.With("topic", topic, "group", c.Group)
}

func recordFromMessage(topic string, m *message.Message) *kgo.Record {
	r := &kgo.Record{Topic: topic, Value: m.Payload}
	if key := orderingKey(m); key != "" {
		r.Key = []byte(key)
	}
	for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: []byte(m.Metadata[key])})
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: kafkaUUIDHeader, Value: []byte(m.UUID)})
	return r
}

func messageFromRecord(r *kgo.Record) *message.Message {
	m := message.NewMessage("", r.Value)
	for _, h := range r.Headers {
		if h.Key == kafkaUUIDHeader {
			m.UUID = string(h.Value)
		} else {
			m.Metadata.Set(h.Key, string(h.Value))
		}
	}
	return m
}
