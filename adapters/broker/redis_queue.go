package broker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// redisBlock is how long a read waits for messages.
	redisBlock = 100 * time.Millisecond

	// redisSweep is how often a subscription looks for messages whose lease has
	// ended: those of processes that are gone, and what others have nacked.
	redisSweep = time.Second
)

// redisQueue is a queue as one subscription sees it. The subscription is a
// consumer of the stream's group, with a connection of its own to wait on.
type redisQueue struct {
	broker   *Redis
	topic    string
	config   QueueConfig
	stream   string
	consumer string
	reader   *redis.Client

	mu      sync.Mutex
	sweepAt time.Time
	rests   []time.Time // when what this subscription has nacked is due
}

func (b *Redis) openQueue(topic string, c QueueConfig) leasedQueue {
	o := b.options
	o.PoolSize = 1
	o.MaxRetries = -1 // a read whose answer was lost has claimed something
	return &redisQueue{
		broker:   b,
		topic:    topic,
		config:   c,
		stream:   redisStream(topic, c.Group),
		consumer: b.config.Client + "-" + rand.Text(),
		reader:   redis.NewClient(&o),
	}
}

func (q *redisQueue) declare(ctx context.Context) error {
	if err := q.make(ctx, "HSET"); err != nil {
		return err
	}
	q.broker.mu.Lock()
	defer q.broker.mu.Unlock()
	if q.broker.known[q.topic] == nil {
		q.broker.known[q.topic] = make(map[string]*redisQueue)
	}
	q.broker.known[q.topic][q.config.Group] = q
	return nil
}

// keep makes the queue if it is gone, and leaves it as it is otherwise: another
// process may want other types by now.
func (q *redisQueue) keep(ctx context.Context) error { return q.make(ctx, "HSETNX") }

func (q *redisQueue) make(ctx context.Context, set string) error {
	types, err := json.Marshal(append([]string{}, q.config.Types...))
	if err != nil {
		return fmt.Errorf("encode the types of queue %s: %w", q.config.Group, err)
	}
	keys := []string{redisTopic(q.topic), q.stream}
	return q.broker.client.Eval(ctx, declareScript, keys, set, q.config.Group, types).Err()
}

// claim takes what has come back before what is new.
func (q *redisQueue) claim(ctx context.Context, n int) ([]leased, error) {
	if q.isSweepDue(time.Now()) {
		returned, err := q.sweep(ctx, n)
		if err != nil || len(returned) > 0 {
			return returned, ifGone(err)
		}
	}
	wait := q.untilSweep(time.Now())
	ctx, cancel := context.WithTimeout(ctx, wait+redisAnswer)
	defer cancel()
	streams, err := q.reader.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: redisReaders, Consumer: q.consumer, Streams: []string{q.stream, ">"}, Count: int64(n), Block: wait,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, ifGone(err)
	}
	return leasedOf(streams[0].Messages), nil
}

// isSweepDue tells whether something may have come back, and forgets what is due.
func (q *redisQueue) isSweepDue(now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := len(q.rests)
	q.rests = slices.DeleteFunc(q.rests, func(due time.Time) bool { return !due.After(now) })
	if len(q.rests) == before && now.Before(q.sweepAt) {
		return false
	}
	q.sweepAt = now.Add(redisSweep)
	return true
}

// untilSweep is how long to wait for new messages.
func (q *redisQueue) untilSweep(now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait := redisBlock
	for _, due := range q.rests {
		wait = min(wait, due.Sub(now))
	}
	return max(wait, time.Millisecond) // none at all would mean for ever
}

// sweep claims messages whose lease has ended.
func (q *redisQueue) sweep(ctx context.Context, n int) ([]leased, error) {
	var found []leased
	for start := "0-0"; ; {
		messages, next, err := q.broker.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: q.stream, Group: redisReaders, Consumer: q.consumer, MinIdle: q.broker.lease,
			Start: start, Count: int64(n - len(found)),
		}).Result()
		if err != nil {
			return found, err
		}
		found = append(found, leasedOf(messages)...)
		if len(found) == n { // there may be more
			q.mu.Lock()
			q.sweepAt = time.Time{}
			q.mu.Unlock()
			return found, nil
		}
		if next == "0-0" {
			return found, nil
		}
		start = next
	}
}

func leasedOf(entries []redis.XMessage) []leased {
	messages := make([]leased, len(entries))
	for i, e := range entries {
		messages[i] = leased{id: e.ID, msg: redisMessage(e.Values)}
	}
	return messages
}

// settle deletes what was acked, whoever holds it by now: it has been handled.
func (q *redisQueue) settle(ctx context.Context, acked, nacked []leased) error {
	if len(acked) > 0 {
		_, err := q.broker.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.XAck(ctx, q.stream, redisReaders, ids(acked)...)
			p.XDel(ctx, q.stream, ids(acked)...)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(nacked) == 0 {
		return nil
	}
	c := q.broker.config
	args := []any{q.consumer, q.broker.lease.Milliseconds(), max(c.Redelivery.Milliseconds(), 1), max(c.MaxRedelivery.Milliseconds(), 1)}
	delays, err := q.broker.client.Eval(ctx, nackScript, []string{q.stream}, append(args, idArgs(nacked)...)...).Int64Slice()
	if err != nil {
		return unlessGone(err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range delays {
		q.rests = append(q.rests, time.Now().Add(time.Duration(d+1)*time.Millisecond))
	}
	return nil
}

func (q *redisQueue) extend(ctx context.Context, held []leased) error {
	if err := q.keep(ctx); err != nil {
		return err
	}
	silence := 10 * q.broker.lease
	if err := q.broker.client.Eval(ctx, tidyScript, []string{q.stream}, silence.Milliseconds()).Err(); err != nil {
		return unlessGone(err)
	}
	if len(held) == 0 {
		return nil
	}
	args := append([]any{q.consumer}, idArgs(held)...)
	return unlessGone(q.broker.client.Eval(ctx, extendScript, []string{q.stream}, args...).Err())
}

func (q *redisQueue) release(ctx context.Context) error {
	args := []any{q.consumer, q.broker.lease.Milliseconds()}
	return unlessGone(q.broker.client.Eval(ctx, releaseScript, []string{q.stream}, args...).Err())
}

func (q *redisQueue) interrupt() {
	_ = q.reader.Close() // its connection is not needed any more, whatever it says
}

func ids(messages []leased) []string {
	all := make([]string, len(messages))
	for i, m := range messages {
		all[i] = m.id
	}
	return all
}

func idArgs(messages []leased) []any {
	all := make([]any, len(messages))
	for i, m := range messages {
		all[i] = m.id
	}
	return all
}

// ifGone recognises the server's ways to say that a stream or its group is gone.
func ifGone(err error) error {
	if err != nil && (strings.HasPrefix(err.Error(), "NOGROUP") || strings.HasPrefix(err.Error(), "UNBLOCKED")) {
		return errNoQueue
	}
	return err
}

// unlessGone is for what needs no doing on a queue that is gone.
func unlessGone(err error) error {
	if err = ifGone(err); errors.Is(err, errNoQueue) || err != nil && strings.Contains(err.Error(), "NOGROUP") {
		return nil
	}
	return err
}
