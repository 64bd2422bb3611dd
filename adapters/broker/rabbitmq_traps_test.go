package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
)

// The tests of this file and of rabbitmq_traps_reading_test.go name a way in which
// Watermill's own AMQP parts lose or hold up messages. Each shows it there first:
// when upstream mends one, its test says so, and the part of ours beside it can go.
// docs/adr/0013 has the list.

// stockPublisher returns Watermill's publisher.
func stockPublisher(t *testing.T, c wamqp.Config) *wamqp.Publisher {
	t.Helper()
	p, err := wamqp.NewPublisher(c, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	return p
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
