package broker

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// RabbitMQConfig is what can be told to the RabbitMQ broker beyond Config. Its
// zero value is usable.
type RabbitMQConfig struct {
	Config

	// Families are topics whose subtopics share their exchange: of the family a, the
	// topic a.b.c is the routing key b.c in the exchange a. Defaults to commands,
	// events, dead letters, and answers and outcomes between stores of Millrace.
	Families []string

	// ConfirmTimeout is how long Publish waits for the broker to answer for one
	// message, unless the message's context ends before. Defaults to 10s.
	ConfirmTimeout time.Duration
}

func (c RabbitMQConfig) withDefaults() RabbitMQConfig {
	c.Config = c.Config.withDefaults()
	if c.Families == nil {
		c.Families = []string{"millrace.commands", "millrace.events", "millrace.dead-letters", "millrace.answers", "millrace.outcomes"}
	}
	c.ConfirmTimeout = cmp.Or(max(c.ConfirmTimeout, 0), 10*time.Second)
	return c
}

// RabbitMQ is a broker on a RabbitMQ server, from 3.10 on. Exchanges and queues are
// durable and the queues are replicated where the server is a cluster; a message is
// published once the server has confirmed it. Queues that are QueueConfig.Lossy
// hold a million messages and then drop the oldest.
//
// It has one connection for publishing and one for consuming, so that a server that
// takes no messages still hands them out. Its methods are safe for concurrent use.
type RabbitMQ struct {
	config     RabbitMQConfig
	publisher  *rabbitPublisher
	consuming  *rabbitConnection
	topology   rabbitTopology
	marshaler  rabbitMarshaler
	mu         sync.Mutex // guards what follows
	closed     bool
	subscribed map[*rabbitSubscription]struct{}
}

var _ Broker = (*RabbitMQ)(nil)

// NewRabbitMQ returns a broker on the server at an address like
// "amqp://user:password@host:5672/vhost". It connects in the background, and again
// whenever the connection is lost.
func NewRabbitMQ(address string, config RabbitMQConfig) (*RabbitMQ, error) {
	config = config.withDefaults()
	if _, err := amqp.ParseURI(address); err != nil {
		// The address has a password, which must not get into a log.
		scheme, _, _ := strings.Cut(address, ":")
		return nil, fmt.Errorf("broker %q: want amqp://user:password@host:port/vhost", scheme+":")
	}
	nothing := func(*rabbitLink) error { return nil }
	r := &RabbitMQ{
		config:     config,
		publisher:  newRabbitPublisher(address, config),
		consuming:  newRabbitConnection(address, config.Client+" consume", config.Log, nothing),
		topology:   rabbitTopology{families: config.Families},
		marshaler:  rabbitMarshaler{app: config.Client, now: time.Now},
		subscribed: make(map[*rabbitSubscription]struct{}),
	}
	r.publisher.connection.begin()
	return r, nil
}

func openRabbitMQ(_ context.Context, address string, c Config) (Broker, error) {
	return NewRabbitMQ(address, RabbitMQConfig{Config: c})
}

// Publish implements Broker. It returns ErrUnroutable if no queue takes a message,
// be it that the topic has none or that none wants its type, and ErrBlocked if the
// server is short of memory or disk. While the server is away it returns an error
// at once, a second after it has gone.
//
// All messages of a call are under way together. When it returns an error, those
// that were confirmed stay published.
func (r *RabbitMQ) Publish(topic string, messages ...*message.Message) error {
	return r.publisher.Publish(topic, messages...)
}

// Ping implements Broker. It returns ErrBlocked while the server takes no messages;
// the server tells only those who have tried to publish.
func (r *RabbitMQ) Ping(ctx context.Context) error {
	link, err := r.publisher.connection.await(ctx)
	if err != nil {
		return fmt.Errorf("ping rabbitmq: %w", err)
	}
	select {
	case <-link.blockage():
		return fmt.Errorf("ping rabbitmq: %w", link.blockedError())
	case <-link.lost:
		return fmt.Errorf("ping rabbitmq: %w", errRabbitAway)
	default:
		return nil
	}
}

// Queue implements Broker.
func (r *RabbitMQ) Queue(config QueueConfig) message.Subscriber {
	config.Concurrency = max(config.Concurrency, 1)
	return &rabbitSubscriber{broker: r, config: config}
}

// Close ends all subscriptions, whose unacked messages go back to their queues, and
// the connections. It takes some seconds at most, also without a server, and leaves
// no goroutine behind.
func (r *RabbitMQ) Close() error {
	r.mu.Lock()
	r.closed = true
	var all []*rabbitSubscription
	for s := range r.subscribed {
		s.cancel()
		all = append(all, s)
	}
	r.mu.Unlock()

	// A server that does not answer would hold them for longer.
	impatient := time.AfterFunc(rabbitCloseTimeout, r.consuming.drop)
	defer impatient.Stop()
	var goodbyes sync.WaitGroup
	goodbyes.Go(r.publisher.connection.close)
	for _, s := range all {
		<-s.gone
	}
	r.consuming.close()
	goodbyes.Wait()
	return nil
}
