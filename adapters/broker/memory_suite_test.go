package broker

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// Watermill's suite asks for order in the whole topic, or in what it calls the
// type of a message, which it writes into the payload. The broker keeps it per
// key only, so the suite runs three times:
//   - without keys, one in flight: nothing is overtaken while nothing is nacked
//     and one subscriber reads;
//   - without keys, many in flight: no order;
//   - with the payload as the key, many in flight: order per type, whoever reads.
func TestMemoryPassesTheUniversalSuite(t *testing.T) {
	t.Parallel()
	for _, suite := range []struct {
		name              string
		concurrency       int
		keyed             bool
		ordered, orderOne bool
	}{
		{name: "one in flight", concurrency: 1, ordered: true, orderOne: true},
		{name: "64 in flight", concurrency: 64},
		{name: "64 in flight with keys", concurrency: 64, keyed: true, ordered: true},
	} {
		t.Run(suite.name, func(t *testing.T) {
			t.Parallel()
			m := NewMemory(Config{Redelivery: time.Millisecond, MaxRedelivery: 2 * time.Millisecond})
			t.Cleanup(func() { closeMemory(t, m) })
			ofGroup := func(_ *testing.T, group string) (message.Publisher, message.Subscriber) {
				sub := m.Queue(QueueConfig{Group: group, Concurrency: suite.concurrency})
				return suitePublisher{m, suite.keyed}, sub
			}
			tests.TestPubSub(t, tests.Features{
				ConsumerGroups: true,
				// A subscription that ends gives back what is in flight.
				ExactlyOnceDelivery:                 false,
				GuaranteedOrder:                     suite.ordered,
				GuaranteedOrderWithSingleSubscriber: suite.orderOne,
				// To the suite an instance is a publisher and a subscriber. All
				// of a run share one broker, as if it were a server, and in it
				// queues outlive their subscribers.
				Persistent: true,
				// A new group begins with the next message.
				NewSubscriberReceivesOldMessages: false,
			}, func(t *testing.T) (message.Publisher, message.Subscriber) {
				return ofGroup(t, "suite")
			}, ofGroup)
		})
	}
}

// suitePublisher leaves the broker open when one of its many users closes it.
type suitePublisher struct {
	*Memory
	keyed bool
}

func (p suitePublisher) Close() error { return nil }

func (p suitePublisher) Publish(topic string, messages ...*message.Message) error {
	if p.keyed {
		for _, msg := range messages {
			msg.Metadata.Set(KeyHeader, string(msg.Payload))
		}
	}
	return p.Memory.Publish(topic, messages...)
}

// BenchmarkMemory publishes from one goroutine and acks in another, over 1024
// keys.
func BenchmarkMemory(b *testing.B) {
	for _, concurrency := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d in flight", concurrency), func(b *testing.B) {
			m := NewMemory(Config{})
			sub := m.Queue(QueueConfig{Group: "bench", Concurrency: concurrency})
			out, err := sub.Subscribe(context.Background(), "topic")
			if err != nil {
				b.Fatal(err)
			}
			messages := make([]*message.Message, 1024)
			for i := range messages {
				messages[i] = keyed(strconv.Itoa(i), strconv.Itoa(i))
			}

			b.ReportAllocs()
			b.ResetTimer()
			go func() {
				for i := range b.N {
					if err := m.Publish("topic", messages[i%len(messages)]); err != nil {
						b.Error(err)
						return
					}
				}
			}()
			for range b.N {
				(<-out).Ack()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			if err := m.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
