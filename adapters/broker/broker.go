package broker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Broker carries messages from publishers to queues. All its methods are safe for
// concurrent use. Every implementation passes Watermill's suite, and Millrace runs one
// and the same suite on all of them.
type Broker interface {
	// Publish returns once the broker is answerable for the messages: it has
	// them in every queue that wants them, on disk where there is one. It returns
	// ErrUnroutable if nobody would ever read one of them, and an error when a
	// message's context is done first; what became of the message is not known
	// then. Concurrent calls share round trips where the broker allows it.
	//
	// Close ends what Queue has made, too, and does not wait for a broker that
	// is away.
	message.Publisher

	// Queue returns a subscriber that reads topics as one consumer group. It also
	// is a message.SubscribeInitializer: the queue comes to exist at the group's
	// first Subscribe or SubscribeInitialize, and holds from then on what is
	// published and wanted, also while nobody is subscribed.
	//
	// A subscription outlives the broker's absence: it connects again, and brings
	// back queues that are gone. A nacked message comes again after a delay.
	Queue(QueueConfig) message.Subscriber

	// Ping tells whether the broker can be reached and takes messages.
	Ping(context.Context) error
}

// Config is what all brokers can be told. Its zero value is usable.
type Config struct {
	// Client names this process to whoever looks at the broker. Defaults to
	// "millrace".
	Client string

	// Redelivery is the delay before the first redelivery of a nacked message.
	// It doubles with every further nack, up to MaxRedelivery. Defaults to
	// 100ms.
	Redelivery time.Duration

	// MaxRedelivery is the longest delay before a redelivery. Defaults to 10s.
	MaxRedelivery time.Duration

	// Capacity is how many messages a queue in memory holds, waiting and in
	// flight, before Publish waits. Defaults to 10_000.
	Capacity int

	// Log is told of connections that come and go. Defaults to slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Client = cmp.Or(c.Client, "millrace")
	c.Redelivery = cmp.Or(max(c.Redelivery, 0), 100*time.Millisecond)
	c.MaxRedelivery = cmp.Or(max(c.MaxRedelivery, 0), 10*time.Second)
	c.Capacity = cmp.Or(max(c.Capacity, 0), 10_000)
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}

// delay is how long a message rests after its nth nack.
func (c Config) delay(nacks int) time.Duration {
	d := c.Redelivery
	for ; nacks > 1 && d < c.MaxRedelivery; nacks-- {
		d *= 2
	}
	return min(d, c.MaxRedelivery)
}

// QueueConfig says how a subscriber reads its topics.
type QueueConfig struct {
	// Group names the consumer group. Each group gets every message once,
	// whichever of its subscriptions takes it.
	Group string

	// Concurrency is how many messages one subscription has in flight at most.
	// Defaults to 1.
	Concurrency int

	// Types says which messages the group's queues take when they are published,
	// by their TypeHeader. None means all. Some brokers hold the others too; the
	// subscription passes over them.
	Types []string

	// Lossy lets a full queue pass over a message, rather than make the publisher
	// wait. It is for messages that are hints: whoever reads them has another way
	// to learn what he missed.
	Lossy bool
}

// wanted tells whether a message is of one of the types.
func wanted(types []string, m *message.Message) bool {
	return len(types) == 0 || slices.Contains(types, m.Metadata.Get(TypeHeader))
}

// Open returns the broker at an address such as "memory:" or
// "amqp://user:password@host:5672/". A server that is away is no error: the
// broker goes on trying to reach it, and Ping tells. Queues in the store are
// opened by NewSQL instead, which needs the store.
func Open(ctx context.Context, address string, c Config) (Broker, error) {
	scheme, _, found := strings.Cut(address, ":")
	open, known := openers[scheme]
	if !found || !known {
		return nil, fmt.Errorf("broker %q: want one of %s", scheme+":", strings.Join(Schemes(), ", "))
	}
	return open(ctx, address, c.withDefaults())
}

// Shown is an address without its password.
func Shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		scheme, _, _ := strings.Cut(address, ":")
		return scheme + ":"
	}
	return u.Redacted()
}

// Schemes returns the beginnings of the addresses that Open knows.
func Schemes() []string {
	var all []string
	for scheme := range openers {
		all = append(all, scheme+":")
	}
	slices.Sort(all)
	return all
}

var openers = map[string]func(ctx context.Context, address string, c Config) (Broker, error){
	"amqp":   openRabbitMQ,
	"amqps":  openRabbitMQ,
	"memory": openMemory,
	"kafka":  openKafka,
	"nats":   openNATS,
	"redis":  openRedis,
	"rediss": openRedis,
}
