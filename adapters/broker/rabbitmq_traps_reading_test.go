package broker

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// stockSubscription returns Watermill's subscriber, subscribed to the topic.
func stockSubscription(t *testing.T, c wamqp.Config, log watermill.LoggerAdapter) (*wamqp.Subscriber, <-chan *message.Message) {
	t.Helper()
	s, err := wamqp.NewSubscriber(c, log)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Subscribe(t.Context(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	return s, out
}

// countingLog counts what is logged as an error.
type countingLog struct {
	watermill.NopLogger
	errors atomic.Int64
}

func (l *countingLog) Error(string, error, watermill.LogFields)         { l.errors.Add(1) }
func (l *countingLog) With(watermill.LogFields) watermill.LoggerAdapter { return l }

func TestRabbitMQNackedMessageComesAgainFromAQuorumQueue(t *testing.T) { // T3
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		config := wamqp.NewDurableQueueConfig(host.address)
		config.Queue.Arguments = amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeQuorum}
		var log countingLog
		sub, out := stockSubscription(t, config, &log)
		stock := stockPublisher(t, config)
		defer stock.Close()
		rabbitPublish(t, stock, "topic", typed("1", "t"))
		rabbitReceive(t, out).Nack()
		eventually(t, "errors of the stock subscriber", func() bool { return log.errors.Load() > 100 || len(out) > 0 })
		select {
		case msg := <-out:
			mended(t, "it hands out message "+msg.UUID+" again")
		default:
		}
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}

		r := openRabbit(t, host.address, RabbitMQConfig{Config: Config{Redelivery: time.Millisecond}})
		ours := rabbitSubscribe(t, r, "ours", QueueConfig{Group: "g"})
		rabbitPublish(t, r, "ours", typed("1", "t"))
		for range 5 {
			rabbitReceive(t, ours).Nack()
		}
		msg := rabbitReceive(t, ours)
		if msg.UUID != "1" || msg.Metadata.Get(TypeHeader) != "t" || len(msg.Metadata) != 1 {
			t.Errorf("got message %s with %v", msg.UUID, msg.Metadata)
		}
		msg.Ack()
		host.wantDepth(t, "ours.g", 0)
	})
}

func TestRabbitMQDeletedQueueComesBackAndHandsOutNothingEmpty(t *testing.T) { // T8
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		_, channel := host.dial(t)
		remove := func(queue string) {
			t.Helper()
			eventually(t, "a consumer of "+queue, func() bool {
				q, err := channel.QueueDeclarePassive(queue, true, false, false, false, nil)
				if err != nil {
					t.Fatal(err)
				}
				return q.Consumers == 1
			})
			if _, err := channel.QueueDelete(queue, false, false, false); err != nil {
				t.Fatal(err)
			}
		}
		sub, out := stockSubscription(t, wamqp.NewDurableQueueConfig(host.address), watermill.NopLogger{})
		remove("topic")
		if msg := rabbitReceive(t, out); msg.UUID != "" || len(msg.Payload) > 0 {
			mended(t, "the message after the queue is gone has "+msg.UUID)
		} else {
			msg.Ack()
		}
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}

		r := openRabbit(t, host.address, RabbitMQConfig{})
		ours := rabbitSubscribe(t, r, "ours", QueueConfig{Group: "g", Concurrency: 4})
		for round := range 3 {
			remove("ours.g")
			id := fmt.Sprint(round)
			rabbitPublishSoon(t, r, "ours", typed(id, "t")) // once the queue is back
			msg := rabbitReceive(t, ours)
			if msg.UUID != id {
				t.Errorf("got message %q, want %s", msg.UUID, id)
			}
			msg.Ack()
		}
	})
}

func TestRabbitMQCloseReturnsWhileTheServerIsAway(t *testing.T) { // T8
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		proxy := newRabbitProxy(t, host.address)
		sub, _ := stockSubscription(t, wamqp.NewDurableQueueConfig(proxy.address), watermill.NopLogger{})
		proxy.freeze()
		if returnsWithin(3*time.Second, func() { _ = sub.Close() }) {
			mended(t, "close returns")
		}
		proxy.thaw() // so that it ends

		for _, away := range []struct {
			name string
			how  func(*rabbitProxy)
		}{
			{"refuses connections", (*rabbitProxy).down},
			{"does not answer", (*rabbitProxy).freeze},
		} {
			proxy := newRabbitProxy(t, host.address)
			r := openRabbit(t, proxy.address, RabbitMQConfig{})
			out := rabbitSubscribe(t, r, "ours", QueueConfig{Group: "g", Concurrency: 4})
			rabbitPublish(t, r, "ours", typed("1", "t"))
			msg := rabbitReceive(t, out)
			away.how(proxy)
			began := time.Now()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("close of a broker that %s took %v", away.name, took)
			}
			<-msg.Context().Done()
			if _, open := <-out; open {
				t.Errorf("%s: the subscription goes on after close", away.name)
			}
		}
	})
}

func TestRabbitMQHasManyMessagesInFlightAndLetsNackedOnesRest(t *testing.T) { // T9
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		config := wamqp.NewDurableQueueConfig(host.address)
		config.Consume.Qos.PrefetchCount = 8
		sub, out := stockSubscription(t, config, watermill.NopLogger{})
		stock := stockPublisher(t, config)
		defer stock.Close()
		rabbitPublish(t, stock, "topic", typed("1", "t"), typed("2", "t"))
		first := rabbitReceive(t, out)
		select {
		case <-out:
			mended(t, "two messages are in flight")
		case <-time.After(300 * time.Millisecond):
		}
		first.Ack()
		began := time.Now()
		for range 50 {
			rabbitReceive(t, out).Nack()
		}
		if took := time.Since(began); took > patience {
			mended(t, "a nacked message rests")
		}
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}

		r := openRabbit(t, host.address, RabbitMQConfig{Config: Config{Redelivery: 200 * time.Millisecond}})
		ours := rabbitSubscribe(t, r, "ours", QueueConfig{Group: "g", Concurrency: 8})
		for i := range 8 {
			rabbitPublish(t, r, "ours", typed(fmt.Sprint(i), "t"))
		}
		var all []*message.Message
		for range 8 {
			all = append(all, rabbitReceive(t, ours))
		}
		for _, msg := range all[1:] {
			msg.Ack()
		}
		began = time.Now()
		all[0].Nack()
		again := rabbitReceive(t, ours)
		again.Nack()
		last := rabbitReceive(t, ours)
		if took := time.Since(began); again.UUID != all[0].UUID || last.UUID != all[0].UUID || took < 600*time.Millisecond {
			t.Errorf("message %s came as %s and %s after %v, want it to rest for 200ms and for 400ms",
				all[0].UUID, again.UUID, last.UUID, took)
		}
		last.Ack()
	})
}
