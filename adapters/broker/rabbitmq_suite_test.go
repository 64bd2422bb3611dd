package broker

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// Unlike the memory broker, each instance has connections of its own to one server,
// and the suite closes them. Its messages have no key, so only one in flight is
// handled in order.
func TestRabbitMQPassesTheUniversalSuite(t *testing.T) {
	t.Parallel()
	for _, server := range rabbitServers {
		for _, suite := range []struct {
			name        string
			concurrency int
		}{
			{"one in flight", 1},
			{"64 in flight", 64},
		} {
			if server == "rabbitmq3" && suite.concurrency == 1 {
				continue // takes a minute, and shows no more of the server than the other
			}
			t.Run(server+", "+suite.name, func(t *testing.T) {
				t.Parallel()
				host := newRabbitHost(t, server)
				ofGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
					config := RabbitMQConfig{Config: Config{Redelivery: time.Millisecond, MaxRedelivery: 2 * time.Millisecond}}
					publisher, subscriber := openRabbit(t, host.address, config), openRabbit(t, host.address, config)
					queue := subscriber.Queue(QueueConfig{Group: group, Concurrency: suite.concurrency})
					return publisher, rabbitSuiteSubscriber{queue.(*rabbitSubscriber)}
				}
				tests.TestPubSub(t, tests.Features{
					ConsumerGroups: true,
					// A subscription that ends gives back what is in flight.
					ExactlyOnceDelivery: false,
					// A nack puts a message behind those that are on their way already.
					GuaranteedOrder:                     false,
					GuaranteedOrderWithSingleSubscriber: suite.concurrency == 1,
					Persistent:                          true,
					// A new group begins with the next message.
					NewSubscriberReceivesOldMessages: false,
				}, func(t *testing.T) (message.Publisher, message.Subscriber) {
					return ofGroup(t, "suite")
				}, ofGroup)
			})
		}
	}
}

// rabbitSuiteSubscriber closes the whole broker, as the suite means it.
type rabbitSuiteSubscriber struct{ *rabbitSubscriber }

func (s rabbitSuiteSubscriber) Close() error { return s.broker.Close() }
