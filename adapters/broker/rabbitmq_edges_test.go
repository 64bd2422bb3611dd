package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"
)

func TestRabbitMQRemoveTakesMessagesOutOfTheirQueue(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{})
		rabbitQueue(t, r, "topic", QueueConfig{Group: "g"})
		rabbitPublish(t, r, "topic", typed("1", "t"), typed("2", "t"), typed("3", "t"), typed("2", "t"))
		for _, want := range []bool{true, false} {
			if removed, err := r.Remove(t.Context(), "topic.g", "2"); removed != want || err != nil {
				t.Errorf("remove returned %v and %v, want %v", removed, err, want)
			}
		}
		out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g"})
		for _, id := range []string{"1", "3"} {
			msg := rabbitReceive(t, out)
			if msg.UUID != id {
				t.Errorf("got message %s, want %s", msg.UUID, id)
			}
			msg.Ack()
		}
		if _, err := r.Remove(t.Context(), "no such queue", "2"); err == nil {
			t.Error("remove from a queue that is not there is no error")
		}
	})
}

func TestRabbitMQReadsMessagesOfOthers(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{})
		out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g"})
		_, channel := host.dial(t)
		headers := amqp.Table{"text": "a", "number": int32(7), "yes": true, "bytes": []byte("b"),
			"at": time.Unix(0, 0), "list": []any{"x"}, "table": amqp.Table{"x": "y"}, "nil": nil}
		if err := channel.Publish("topic", "", true, false, amqp.Publishing{Headers: headers, Body: []byte("body")}); err != nil {
			t.Fatal(err)
		}
		msg := rabbitReceive(t, out)
		want := "map[at:1970-01-01T00:00:00Z bytes:b number:7 text:a yes:true]"
		if got := fmt.Sprint(msg.Metadata); got != want || string(msg.Payload) != "body" {
			t.Errorf("got %s with %s, want %s", msg.Payload, got, want)
		}
		msg.Ack()

		long := strings.Repeat("x", 300)
		odd := message.NewMessage(long, nil)
		odd.Metadata.Set("correlation_id", long)
		rabbitPublish(t, r, "topic", odd)
		if msg := rabbitReceive(t, out); msg.UUID != long || msg.Metadata.Get("correlation_id") != long || len(msg.Metadata) != 1 {
			t.Errorf("got message %s with %v", msg.UUID, msg.Metadata)
		} else {
			msg.Ack()
		}
		odd.Metadata.Set(long, "a name that AMQP does not take")
		for _, bad := range []*message.Message{odd, typed("1", long)} {
			if err := r.Publish("topic", bad); err == nil || errors.Is(err, errRabbitUnknown) {
				t.Errorf("publish of a name that is too long returned %v", err)
			}
		}
	})
}

func TestRabbitMQGivesUpOnAServerThatDoesNotAnswer(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		proxy := newRabbitProxy(t, host.address)
		r := openRabbit(t, proxy.address, RabbitMQConfig{ConfirmTimeout: 3 * time.Second})
		rabbitQueue(t, openRabbit(t, host.address, RabbitMQConfig{}), "topic", QueueConfig{Group: "g"})
		rabbitPublishSoon(t, r, "topic", typed("1", "t"))
		link, err := r.publisher.connection.await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		made := proxy.connections()

		proxy.freeze()
		hasty := typed("2", "t")
		hasty.Payload = make([]byte, 12<<20) // more than the socket takes
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		hasty.SetContext(ctx)
		published := make(chan error, 1)
		go func() { published <- r.Publish("topic", hasty) }()
		eventually(t, "the message is under way", func() bool {
			return slices.ContainsFunc(link.lanes, func(l *rabbitLane) bool { return len(l.places) > 0 })
		})
		cancel()
		if err := <-published; !errors.Is(err, context.Canceled) || !errors.Is(err, errRabbitUnknown) {
			t.Errorf("publish returned %v, want that its context is done", err)
		}
		if seen := proxy.connections(); seen != made {
			t.Errorf("a context of a message has cost the connection: there are %d after %d", seen, made)
		}
		began := time.Now()
		err = r.Publish("topic", typed("3", "t"))
		if !errors.Is(err, errRabbitUnknown) || !strings.Contains(err.Error(), "within 3s") {
			t.Errorf("publish returned %v, want that it is not confirmed within 3s", err)
		}
		if took := time.Since(began); took > 9*time.Second { // 10s are the default
			t.Errorf("publish gave up after %v, want 3s", took)
		}
		proxy.thaw()
		rabbitPublishSoon(t, r, "topic", typed("4", "t"))
		if seen := proxy.connections(); seen == made {
			t.Error("the connection that did not answer is still in use")
		}
	})
}

func TestRabbitMQCloseDoesNotWaitForASubscriptionThatBegins(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		proxy := newRabbitProxy(t, host.address)
		r := openRabbit(t, proxy.address, RabbitMQConfig{})
		rabbitQueue(t, r, "topic", QueueConfig{Group: "g"}) // and the connection is there
		proxy.freeze()
		subscribed := make(chan error, 1)
		go func() {
			_, err := r.Queue(QueueConfig{Group: "g"}).Subscribe(t.Context(), "topic")
			subscribed <- err
		}()
		eventually(t, "the subscription asks the server", proxy.holds)
		began := time.Now()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("close took %v", took)
		}
		if err := <-subscribed; err != nil {
			t.Errorf("subscribe returned %v, want a channel that is closed", err)
		}
	})
}

// Not parallel: goleak looks at every goroutine there is.
func TestRabbitMQCloseLeavesNoGoroutine(t *testing.T) {
	for _, server := range rabbitServers {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprint(server, " away ", away), func(t *testing.T) {
				host := newRabbitHost(t, server)
				proxy := newRabbitProxy(t, host.address)
				running := goleak.IgnoreCurrent()
				r := openRabbit(t, proxy.address, RabbitMQConfig{})
				out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g", Concurrency: 4})
				for i := range 8 {
					rabbitPublish(t, r, "topic", typed(fmt.Sprint(i), "t"))
				}
				rabbitReceive(t, out).Ack()
				rabbitReceive(t, out).Nack()
				rabbitReceive(t, out)
				if away {
					proxy.down()
				}
				for range 2 {
					if err := r.Close(); err != nil {
						t.Error(err)
					}
				}
				if err := r.Publish("topic", typed("1", "t")); !errors.Is(err, ErrClosed) {
					t.Errorf("publish returned %v, want ErrClosed", err)
				}
				proxy.down() // its goroutines end with its connections
				goleak.VerifyNone(t, running)
			})
		}
	}
}

func TestOpenKnowsRabbitMQAndKeepsItsPassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"amqp://u:secret@host:notaport/", "amqps:// u:secret@host"} {
		if b, err := Open(t.Context(), address, Config{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("open %s returned %v and %v", address, b, err)
		}
	}
	b, err := Open(t.Context(), "amqp://guest:guest@127.0.0.1:1/", Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.Ping(ctx); !errors.Is(err, errRabbitAway) {
		t.Errorf("ping returned %v, want that the broker is away", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
