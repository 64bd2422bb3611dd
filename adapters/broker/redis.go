package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Redis is a broker on the streams of a Redis server, 7.0 or later. Every queue is
// a stream of its own with one consumer group. A hash per topic says which groups
// read it and which types they want; one script looks there and adds to all their
// streams, so that a message is in all of them or in none. What is acked is
// deleted: the server holds no more than what is waiting.
//
// A server without appendonly loses in a crash what Publish has returned nil for.
// So does one that is told to evict keys, without any crash. Millrace finds again
// what is lost, from its journal, its outbox and its feed; the broker only warns
// in the log. When the server comes back empty, the subscriptions make their
// queues again.
//
// Messages of one key may overtake each other. A queue grows for as long as nobody
// reads it: QueueConfig.Lossy and Config.Capacity do not count. Its methods are safe
// for concurrent use.
type Redis struct {
	*leasing
	options   redis.Options
	client    *redis.Client
	requests  chan *redisPublish
	closing   chan struct{} // closed by Close
	published sync.WaitGroup
	once      sync.Once
	failure   error // of Close

	mu     sync.Mutex
	known  map[string]map[string]*redisQueue // by topic and group; declared by this process
	warned bool
}

var _ Broker = (*Redis)(nil)

const (
	// redisAnswer is how long the server may take for an answer.
	redisAnswer = 3 * time.Second

	// redisPipeline is how many calls of Publish share a round trip at most.
	redisPipeline = 256
)

func openRedis(ctx context.Context, address string, c Config) (Broker, error) {
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("broker redis: want redis://user:password@host:port/db: %w", err) // the address may hold a password
	}
	silenceRedis()
	c = c.withDefaults()
	o.ClientName = strings.ReplaceAll(c.Client, " ", "_") // a name has no spaces there
	o.Protocol = 2
	o.MaxRetries = 1
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = redisAnswer, redisAnswer, redisAnswer
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	b := &Redis{
		leasing:  newLeasing(c),
		options:  *o,
		client:   redis.NewClient(o),
		requests: make(chan *redisPublish, 4*redisPipeline),
		closing:  make(chan struct{}),
		known:    make(map[string]map[string]*redisQueue),
	}
	b.open = b.openQueue
	b.published.Go(b.publishAll)
	looking, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	b.warn(looking)
	return b, nil
}

// silenceRedis stops the client from writing to stderr what its errors say, too. It
// has one log for all of a process.
var silenceRedis = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

// Printf implements the client's log.
func (silence) Printf(context.Context, string, ...any) {}

// Ping implements Broker.
func (b *Redis) Ping(ctx context.Context) error {
	if b.isClosed() {
		return fmt.Errorf("ping redis: %w", ErrClosed)
	}
	if err := b.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping redis: %w", err)
	}
	b.warn(ctx)
	return nil
}

// warn logs, once, what the server's settings lose. A server that does not answer,
// or not this question, is not blamed.
func (b *Redis) warn(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.warned {
		return
	}
	settings := make(map[string]string)
	for _, name := range []string{"appendonly", "maxmemory-policy"} {
		answer, err := b.client.ConfigGet(ctx, name).Result()
		if err != nil {
			return
		}
		settings[name] = answer[name]
	}
	b.warned = true
	if settings["appendonly"] == "no" {
		b.config.Log.Warn("redis keeps no log of what it is told, and loses messages in a crash: appendonly is no, want yes")
	}
	if policy := settings["maxmemory-policy"]; strings.HasPrefix(policy, "allkeys-") {
		b.config.Log.Warn("redis may throw queues away when its memory is full: want maxmemory-policy noeviction", "policy", policy)
	}
}

// Close ends all subscriptions, gives back what they have not settled, and frees
// publishers that wait.
func (b *Redis) Close() error {
	b.once.Do(func() {
		close(b.closing)
		b.failure = errors.Join(b.end(nil), b.client.Close())
		b.published.Wait()
	})
	return b.failure
}

// redisPublish is a call of Publish.
type redisPublish struct {
	keys []string
	args []any
	done chan error // has room for the answer
}

// Publish adds the messages to the stream of every group that wants them, all or
// none. It is back with an error within seconds when the server does not answer.
func (b *Redis) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	err := b.publish(topic, messages)
	if errors.Is(err, ErrUnroutable) && b.restore(messages[0].Context(), topic) {
		err = b.publish(topic, messages)
	}
	if err != nil {
		return fmt.Errorf("publish message %s to %s: %w", messages[0].UUID, topic, err)
	}
	return nil
}

func (b *Redis) publish(topic string, messages []*message.Message) error {
	ctx, cancel := untilOneIsDone(messages)
	defer cancel()
	if b.isClosed() {
		return ErrClosed
	}
	p := &redisPublish{keys: []string{redisTopic(topic)}, args: redisEntries(topic, messages), done: make(chan error, 1)}
	select {
	case b.requests <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.closing:
		return ErrClosed
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-b.closing:
		return ErrClosed
	}
}

// publishAll carries out the calls of Publish, those that have gathered during one
// round trip in the next one.
func (b *Redis) publishAll() {
	for {
		var batch []*redisPublish
		select {
		case p := <-b.requests:
			batch = append(batch, p)
		case <-b.closing:
			return
		}
		for more := true; more && len(batch) < redisPipeline; {
			select {
			case p := <-b.requests:
				batch = append(batch, p)
			default:
				more = false
			}
		}
		b.send(batch)
	}
}

func (b *Redis) send(batch []*redisPublish) {
	ctx, cancel := context.WithTimeout(context.Background(), redisAnswer)
	defer cancel()
	pipe := b.client.Pipeline()
	answers := make([]*redis.Cmd, len(batch))
	for i, p := range batch {
		answers[i] = pipe.Eval(ctx, publishScript, p.keys, p.args...)
	}
	_, _ = pipe.Exec(ctx) // each answer holds its error
	for i, p := range batch {
		queues, err := answers[i].Int()
		if err == nil && queues == 0 {
			err = ErrUnroutable
		}
		p.done <- err
	}
}

// restore makes the queues again that this process knows on a topic, because the
// server knows none. It tells whether there are any.
func (b *Redis) restore(ctx context.Context, topic string) bool {
	b.mu.Lock()
	var queues []*redisQueue
	for _, q := range b.known[topic] {
		queues = append(queues, q)
	}
	b.mu.Unlock()
	for _, q := range queues {
		if q.keep(ctx) != nil {
			return false
		}
	}
	return len(queues) > 0
}
