package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/millrace/millrace/internal/servertest"
)

// onOwnRabbits runs a test on a server of its own, of both versions.
func onOwnRabbits(t *testing.T, test func(t *testing.T, server *servertest.RabbitMQ, host *rabbitHost)) {
	t.Helper()
	t.Parallel()
	for _, name := range rabbitServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servertest.StartRabbitMQ(t, name)
			test(t, server, &rabbitHost{name: "%2F", address: server.Address(), management: server.Management()})
		})
	}
}

func TestRabbitMQAlarmHoldsUpNobody(t *testing.T) { // T5
	onOwnRabbits(t, func(t *testing.T, server *servertest.RabbitMQ, host *rabbitHost) {
		config := wamqp.NewDurablePubSubConfig(host.address, nil)
		config.Publish.ConfirmDelivery = true
		stock := stockPublisher(t, config)
		rabbitPublish(t, stock, "topic", typed("1", "t"))
		r := openRabbit(t, host.address, RabbitMQConfig{})
		out := rabbitSubscribe(t, r, "ours", QueueConfig{Group: "g"})
		rabbitPublish(t, r, "ours", typed("before", "t"))

		server.Alarm(true)
		late := typed("2", "t")
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		late.SetContext(ctx)
		stockReturned := make(chan error, 1)
		go func() { stockReturned <- stock.Publish("topic", late) }()

		if msg := rabbitReceive(t, out); msg.UUID != "before" || !msg.Ack() {
			t.Errorf("got message %s under the alarm", msg.UUID)
		}
		for range 3 {
			began := time.Now()
			if err := r.Publish("ours", typed("under alarm", "t")); !errors.Is(err, ErrBlocked) {
				t.Errorf("publish under an alarm returned %v, want ErrBlocked", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("publish under an alarm took %v", took)
			}
		}
		if err := r.Ping(t.Context()); !errors.Is(err, ErrBlocked) {
			t.Errorf("ping returned %v, want ErrBlocked", err)
		}
		another := openRabbit(t, host.address, RabbitMQConfig{})
		if err := another.Publish("ours", typed("under alarm", "t")); !errors.Is(err, ErrBlocked) {
			t.Errorf("the first publish of a process returned %v, want ErrBlocked", err)
		}
		began := time.Now()
		if err := another.Close(); err != nil || time.Since(began) > 3*time.Second {
			t.Errorf("close took %v and returned %v", time.Since(began), err)
		}
		select {
		case err := <-stockReturned:
			mended(t, fmt.Sprintf("publish under an alarm minds its context: %v", err))
		case <-time.After(2 * time.Second):
		}

		server.Alarm(false)
		rabbitPublishSoon(t, r, "ours", typed("after", "t"))
		if err := r.Ping(t.Context()); err != nil {
			t.Errorf("ping after the alarm: %v", err)
		}
		for { // those that were under way may come, too
			msg := rabbitReceive(t, out)
			msg.Ack()
			if msg.UUID == "after" {
				break
			}
		}
	})
}

func TestRabbitMQLosesNothingThatWasPublishedWhenTheServerIsKilled(t *testing.T) { // T1, T6
	onOwnRabbits(t, func(t *testing.T, server *servertest.RabbitMQ, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{})
		queue := QueueConfig{Group: "g", Concurrency: 64}
		rabbitQueue(t, r, "topic", queue)
		var mu sync.Mutex
		published := make(map[string]bool)
		ctx, stop := context.WithCancel(t.Context())
		var publishers sync.WaitGroup
		for caller := range 4 {
			publishers.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					id := fmt.Sprint(caller, "-", i)
					if err := r.Publish("topic", typed(id, "t")); err != nil {
						<-time.After(20 * time.Millisecond) // spares the processor while it is away
						continue
					}
					mu.Lock()
					published[id] = true
					mu.Unlock()
				}
			})
		}
		count := func() int { mu.Lock(); defer mu.Unlock(); return len(published) }
		// A server that is killed in the first moments of a quorum queue has not noted
		// that it has it, and the queue never takes messages again.
		born := time.Now()
		eventually(t, "some are published", func() bool { return count() > 200 && time.Since(born) > 4*time.Second })
		server.Kill()
		before := count()
		server.Start()
		// Until then the server is busy with the queue, whoever publishes.
		eventually(t, "the queue takes messages of a plain channel", func() bool { return host.takes("topic.g") })
		began := time.Now()
		eventually(t, "more are published", func() bool { return count() > before })
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("publishing goes on %v after the queue is back, want less than 5s", took)
		}
		stop()
		publishers.Wait()

		out := rabbitSubscribe(t, r, "topic", queue)
		for len(published) > 0 { // or nothing comes any more, and messages are lost
			msg := rabbitReceive(t, out)
			delete(published, msg.UUID)
			msg.Ack()
		}
	})
}

func TestRabbitMQSubscriptionOutlivesTheServerAndItsDisk(t *testing.T) {
	onOwnRabbits(t, func(t *testing.T, server *servertest.RabbitMQ, host *rabbitHost) {
		server.Kill()
		r := openRabbit(t, host.address, RabbitMQConfig{})
		out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g", Concurrency: 4}) // of a server that is away
		eventually(t, "patience ends", func() bool {
			began := time.Now()
			err := r.Publish("topic", typed("away", "t"))
			return errors.Is(err, errRabbitAway) && time.Since(began) < 100*time.Millisecond
		})
		server.Start()
		for round := range 2 {
			id := fmt.Sprint(round)
			rabbitPublishSoon(t, r, "topic", typed(id, "t"))
			msg := rabbitReceive(t, out)
			if msg.UUID != id {
				t.Errorf("got message %s, want %s", msg.UUID, id)
			}
			msg.Ack()
			if round == 0 {
				server.Wipe()
				server.Start()
			}
		}
	})
}

func TestRabbitMQMessageThatKillsItsReadersStays(t *testing.T) { // T21
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		const more = 25 // than the limit that RabbitMQ 4 has by itself
		_, channel := host.dial(t)
		four := host.version(t) >= "4"
		declare := func(queue string, arguments amqp.Table) {
			t.Helper()
			arguments[amqp.QueueTypeArg] = amqp.QueueTypeQuorum
			if _, err := channel.QueueDeclare(queue, true, false, false, false, arguments); err != nil {
				t.Fatal(err)
			}
			if err := channel.Publish("", queue, true, false, amqp.Publishing{Body: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
			host.wantDepth(t, queue, 1)
		}
		declare("stock", amqp.Table{})
		if lost := host.dieReading(t, "stock", more); lost != four {
			t.Errorf("without a limit the message is lost: %v, on version %s", lost, host.version(t))
		}
		declare("unlimited", amqp.Table{"x-delivery-limit": -1})
		if lost := host.dieReading(t, "unlimited", more); lost == four {
			t.Errorf("with the limit -1 the message is lost: %v, on version %s", lost, host.version(t))
		}
		r := openRabbit(t, host.address, RabbitMQConfig{Config: Config{Redelivery: time.Millisecond, MaxRedelivery: time.Millisecond}})
		queue := QueueConfig{Group: "g"}
		rabbitQueue(t, r, "ours", queue)
		rabbitPublish(t, r, "ours", typed("1", "t"))
		if host.dieReading(t, "ours.g", more) {
			t.Error("ours is lost when its readers die")
		}
		out := rabbitSubscribe(t, r, "ours", queue)
		for range 2 * more {
			rabbitReceive(t, out).Nack()
		}
		rabbitReceive(t, out).Ack()
	})
}

// version returns that of the server.
func (h *rabbitHost) version(tb testing.TB) string {
	tb.Helper()
	var overview struct {
		Version string `json:"rabbitmq_version"`
	}
	h.manage(tb, "GET", "overview", nil, &overview)
	return overview.Version
}

// takes tells whether a queue confirms a message of a plain channel.
func (h *rabbitHost) takes(queue string) bool {
	conn, err := amqp.Dial(h.address)
	if err != nil {
		return false
	}
	defer conn.Close() // it has said what it has to say
	channel, err := conn.Channel()
	if err != nil || channel.Confirm(false) != nil {
		return false
	}
	returns := channel.NotifyReturn(make(chan amqp.Return, 1))
	confirm, err := channel.PublishWithDeferredConfirm("", queue, true, false, amqp.Publishing{Body: []byte("{}")})
	if err != nil {
		return false
	}
	select {
	case <-confirm.Done():
		return confirm.Acked() && len(returns) == 0
	case <-time.After(5 * time.Second):
		return false
	}
}

// dieReading takes a message many times and breaks the connection each time. It
// tells whether the message is lost.
func (h *rabbitHost) dieReading(t *testing.T, queue string, times int) (lost bool) {
	t.Helper()
	for range times {
		conn, channel := h.dial(t)
		deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-deliveries:
		case <-time.After(10 * time.Second):
			lost = true
		}
		conn.Close() // it dies, as far as the server can tell
		if lost {
			return true
		}
	}
	return false
}
