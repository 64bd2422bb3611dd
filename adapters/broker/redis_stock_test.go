package broker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/internal/servertest"
)

// These tests show what watermill-redisstream does, and why the broker is our own.
// One that turns red is good news.

func stockRedis(t *testing.T, c redisstream.SubscriberConfig) (*redis.Client, message.Publisher, <-chan *message.Message) {
	t.Helper()
	o, err := redis.ParseURL(servertest.StartRedis(t).Address())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	c.Client, c.ConsumerGroup, c.DisableIndefiniteInitialBlock = client, "g", true
	publisher, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: client}, nil)
	if err != nil {
		t.Fatal(err)
	}
	subscriber, err := redisstream.NewSubscriber(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		subscriber.Close() // what it says is not the point here
	})
	out, err := subscriber.Subscribe(ctx, "topic")
	if err != nil {
		t.Fatal(err)
	}
	return client, publisher, out
}

func stockPublish(t *testing.T, p message.Publisher, id string) {
	t.Helper()
	if err := p.Publish("topic", message.NewMessage(id, nil)); err != nil {
		t.Fatal(err)
	}
}

func TestStockRedisNeverReadsAgainAfterTheServerForgot(t *testing.T) {
	t.Parallel()
	client, publisher, out := stockRedis(t, redisstream.SubscriberConfig{})
	stockPublish(t, publisher, "1")
	await(t, out).Ack()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	stockPublish(t, publisher, "2")
	nothing(t, out, 6*time.Second)
}

func TestStockRedisKeepsWhatWasAcked(t *testing.T) {
	t.Parallel()
	client, publisher, out := stockRedis(t, redisstream.SubscriberConfig{})
	for i := range 100 {
		stockPublish(t, publisher, fmt.Sprint(i))
		m := await(t, out)
		m.Ack()
		<-m.Context().Done() // the ack has reached the server
	}
	if n := client.XLen(t.Context(), "topic").Val(); n != 100 {
		t.Errorf("the stream holds %d entries, want all 100", n)
	}
}

func TestStockRedisHasOneInFlightAndANackHoldsUpAll(t *testing.T) {
	t.Parallel()
	_, publisher, out := stockRedis(t, redisstream.SubscriberConfig{NackResendSleep: 50 * time.Millisecond})
	stockPublish(t, publisher, "poison")
	stockPublish(t, publisher, "brisk")
	for range 10 {
		m := await(t, out)
		if m.UUID != "poison" {
			t.Fatalf("got %s, want the poison again", m.UUID)
		}
		m.Nack()
	}
	await(t, out) // is not answered
	nothing(t, out, 500*time.Millisecond)
}

func TestStockRedisEndsAtAMessageItCannotRead(t *testing.T) {
	t.Parallel()
	client, _, out := stockRedis(t, redisstream.SubscriberConfig{})
	if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: "topic", Values: []string{"foreign", "entry"}}).Err(); err != nil {
		t.Fatal(err)
	}
	select {
	case _, open := <-out:
		if open {
			t.Error("got a message, want the subscription's end")
		}
	case <-time.After(10 * time.Second):
		t.Error("the subscription goes on")
	}
}

func TestStockRedisGivesASlowHandlersMessageToAnother(t *testing.T) {
	t.Parallel()
	c := redisstream.SubscriberConfig{MaxIdleTime: 500 * time.Millisecond, ClaimInterval: 200 * time.Millisecond}
	client, publisher, out := stockRedis(t, c)
	stockPublish(t, publisher, "1")
	first := await(t, out)
	// The consumer claims from itself what it works on.
	pending := &redis.XPendingExtArgs{Stream: "topic", Group: "g", Start: "-", End: "+", Count: 1}
	eventually(t, "the message is claimed again", func() bool {
		p := client.XPendingExt(t.Context(), pending).Val()
		return len(p) == 1 && p[0].RetryCount > 1
	})
	first.Ack()
	if again := await(t, out); again.UUID != first.UUID {
		t.Errorf("got %s, want %s once more", again.UUID, first.UUID)
	}
}

func TestRedisPassesOverAForeignEntry(t *testing.T) {
	t.Parallel()
	b := openAt(t, servertest.StartRedis(t), Config{})
	out := follow(t, b, "topic", QueueConfig{Group: "g", Concurrency: 2})
	command(t, b, "XADD", redisStream("topic", "g"), "*", "foreign", "entry")
	send(t, b, "topic", message.NewMessage("1", nil))
	for range 2 { // the other one has neither id nor headers, and is its handler's to refuse
		await(t, out).Ack()
	}
}
