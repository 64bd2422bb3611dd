package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// The tests of this file name a way in which Watermill's own AMQP parts lose or hold
// up messages. Each shows it there first: when upstream mends one, its test says so,
// and the part of ours beside it can go. docs/adr/0013 has the list.

// stockPublisher returns Watermill's publisher.
func stockPublisher(t *testing.T, c wamqp.Config) *wamqp.Publisher {
	t.Helper()
	p, err := wamqp.NewPublisher(c, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

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

// mended fails the test of a trap that the stock part no longer falls into.
func mended(t *testing.T, what string) {
	t.Helper()
	t.Errorf("Watermill's part no longer shows the fault: %s", what)
}

// returnsWithin runs a call and tells whether it returns in time.
func returnsWithin(limit time.Duration, call func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); call() }()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// rabbitQueue makes a queue on the topic, by the broker of ours.
func rabbitQueue(t *testing.T, r *RabbitMQ, topic string, c QueueConfig) {
	t.Helper()
	if err := r.Queue(c).(message.SubscribeInitializer).SubscribeInitialize(topic); err != nil {
		t.Fatal(err)
	}
}

func TestRabbitMQPublishIsNoSuccessBeforeTheBrokerHasTheMessage(t *testing.T) { // T1
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		proxy := newRabbitProxy(t, host.address)
		config := wamqp.NewDurableQueueConfig(proxy.address)
		config.Publish.ChannelPoolSize = 1
		stock := stockPublisher(t, config)
		_, channel := host.dial(t)
		if _, err := channel.QueueDeclare("stock", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		r := openRabbit(t, proxy.address, RabbitMQConfig{})
		rabbitQueue(t, openRabbit(t, host.address, RabbitMQConfig{}), "topic", QueueConfig{Group: "ours"})
		rabbitPublish(t, r, "topic", typed("there", "t"))

		proxy.freeze()
		if err := stock.Publish("stock", typed("lost", "t")); err != nil {
			mended(t, "a publish that the broker has not seen is an error: "+err.Error())
		}
		published := make(chan error, 1)
		go func() { published <- r.Publish("topic", typed("lost", "t")) }()
		eventually(t, "both are under way", proxy.holds)
		proxy.cut()
		proxy.thaw()
		if err := <-published; !errors.Is(err, errRabbitUnknown) {
			t.Errorf("publish returned %v, want that it is not confirmed", err)
		}
		host.wantDepth(t, "stock", 0)
	})
}

func TestRabbitMQUnroutableMessageIsAnError(t *testing.T) { // T2
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		config := wamqp.NewDurablePubSubConfig(host.address, nil)
		config.Publish.ConfirmDelivery, config.Publish.Mandatory = true, true
		stock := stockPublisher(t, config)
		defer stock.Close()
		if err := stock.Publish("nobody reads this", typed("1", "t")); err != nil {
			mended(t, err.Error())
		}

		r := openRabbit(t, host.address, RabbitMQConfig{})
		topics := []string{"nobody", "millrace.commands.order.submit", "millrace.events", "millrace.dead-letters.x"}
		for _, topic := range topics {
			if err := r.Publish(topic, typed("1", "t")); !errors.Is(err, ErrUnroutable) || !strings.Contains(err.Error(), topic) {
				t.Errorf("publish to %s returned %v, want ErrUnroutable and the topic", topic, err)
			}
		}
		rabbitQueue(t, r, "millrace.events", QueueConfig{Group: "g", Types: []string{"wanted"}})
		var batch []*message.Message
		for i := range 3000 { // more than a channel has places
			batch = append(batch, typed(fmt.Sprint(i), "wanted"))
		}
		batch[1500] = typed("1500", "unwanted")
		if err := r.Publish("millrace.events", batch...); !errors.Is(err, ErrUnroutable) || !strings.Contains(err.Error(), "message 1500 ") {
			t.Errorf("publish returned %v, want ErrUnroutable for message 1500", err)
		}
		host.wantDepth(t, "millrace.events.g", 2999)
	})
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

func TestRabbitMQPublisherSurvivesConnectionLossesInEveryPhase(t *testing.T) { // T4
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		if stockReconnects {
			stockLosesItsChannel(t, host)
		}
		proxy := newRabbitProxy(t, host.address)
		r := openRabbit(t, proxy.address, RabbitMQConfig{})
		rabbitQueue(t, openRabbit(t, host.address, RabbitMQConfig{}), "ours", QueueConfig{Group: "g"})
		for i := range 2 * rabbitLanes {
			rabbitPublishSoon(t, r, "ours", typed(fmt.Sprint("before ", i), "t"))
			loseInPublish(t, proxy, r)
		}
		rabbitPublishSoon(t, r, "ours", typed("after", "t"))
	})
}

func stockLosesItsChannel(t *testing.T, host *rabbitHost) {
	t.Helper()
	proxy := newRabbitProxy(t, host.address)
	config := wamqp.NewDurableQueueConfig(proxy.address)
	config.Publish.ChannelPoolSize = 1
	stock := stockPublisher(t, config)
	_, channel := host.dial(t)
	if _, err := channel.QueueDeclare("topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	rabbitPublish(t, stock, "topic", typed("1", "t"))
	loseInPublish(t, proxy, stock)
	hangs := false
	eventually(t, "a publish", func() bool { // it may say first that it is not connected
		var err error
		hangs = !returnsWithin(2*time.Second, func() { err = stock.Publish("topic", typed("2", "t")) })
		return hangs || err == nil
	})
	if !hangs {
		mended(t, "it publishes again after a loss while it opens a channel")
	}
	// Its pool is empty for ever, and Close would wait for the publish.
}

// loseInPublish loses the connection, and the next one while a publish is at work.
func loseInPublish(t *testing.T, proxy *rabbitProxy, p message.Publisher) {
	t.Helper()
	seen := proxy.connections()
	proxy.cut()
	eventually(t, "the next connection", func() bool { return proxy.connections() > seen })
	published := make(chan error, 1)
	eventually(t, "a publish is under way", func() bool {
		proxy.freeze()
		go func() { published <- p.Publish("topic", typed("lost", "t")) }()
		select {
		case <-published: // it is not connected yet
			proxy.thaw()
			return false
		case <-time.After(50 * time.Millisecond):
			return proxy.holds()
		}
	})
	proxy.cut()
	proxy.thaw()
	<-published
}

// rabbitPublishSoon publishes, if need be again once the broker is back.
func rabbitPublishSoon(t *testing.T, p message.Publisher, topic string, msg *message.Message) {
	t.Helper()
	var err error
	eventually(t, "publish "+msg.UUID, func() bool {
		err = p.Publish(topic, msg)
		return err == nil
	}, func() { t.Error(err) })
}

func TestRabbitMQTopicsSurviveARestartOfTheServer(t *testing.T) { // T6
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		stock := stockPublisher(t, wamqp.NewDurableTopicConfig(host.address, "stock", "queue"))
		defer stock.Close()
		rabbitPublish(t, stock, "topic", typed("1", "t"))
		r := openRabbit(t, host.address, RabbitMQConfig{})
		rabbitQueue(t, r, "ours", QueueConfig{Group: "g"})
		var exchanges []struct {
			Name    string
			Durable bool
		}
		host.manage(t, "GET", "exchanges/"+host.name, nil, &exchanges)
		for _, e := range exchanges {
			if e.Name == "stock" && e.Durable {
				mended(t, "the exchange of the durable config is durable")
			}
			if e.Name == "ours" && !e.Durable {
				t.Error("our exchange is not durable")
			}
		}
	})
}

func TestRabbitMQFailedPublishIsNotHiddenByASuccess(t *testing.T) { // T7
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		_, channel := host.dial(t)
		if _, err := channel.QueueDeclare("topic", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		batch := func() []*message.Message {
			canceled, cancel := context.WithCancel(t.Context())
			cancel()
			messages := []*message.Message{typed("1", "t"), typed("2", "t")}
			messages[1].SetContext(canceled)
			return messages
		}
		config := wamqp.NewDurableQueueConfig(host.address)
		config.Publish.Transactional = true
		stock := stockPublisher(t, config)
		defer stock.Close()
		if err := stock.Publish("topic", batch()...); err != nil {
			mended(t, err.Error())
		}
		host.wantDepth(t, "topic", 0)

		r := openRabbit(t, host.address, RabbitMQConfig{})
		rabbitQueue(t, r, "ours", QueueConfig{Group: "g"})
		if err := r.Publish("ours", batch()...); !errors.Is(err, context.Canceled) {
			t.Errorf("publish returned %v, want that a context is canceled", err)
		}
		host.wantDepth(t, "ours.g", 1) // the one before it stays published
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
			if took := time.Since(began); took > 4*time.Second {
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
		if took := time.Since(began); took > 5*time.Second {
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
