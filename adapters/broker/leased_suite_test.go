package broker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// One in flight, and one subscriber, sees the messages in the order of their
// commits; otherwise there is none. A nacked message is overtaken.
func TestLeasedBrokersPassTheUniversalSuite(t *testing.T) {
	t.Parallel()
	for name, inFlight := range map[string][]int{"sqlite": {1, 64}, "redis": {1, 64}, "mariadb": {64}, "mysql": {64}} {
		for _, concurrency := range inFlight { // one at a time, with a commit each, takes minutes on a server
			t.Run(fmt.Sprintf("%s, %d in flight", name, concurrency), func(t *testing.T) {
				t.Parallel()
				b := leasedServers[name](t)(t, Config{Redelivery: time.Millisecond, MaxRedelivery: 2 * time.Millisecond})
				prefix := newTopic(t, name)
				ofGroup := func(_ *testing.T, group string) (message.Publisher, message.Subscriber) {
					return keptOpen{b}, b.Queue(QueueConfig{Group: group, Concurrency: concurrency})
				}
				tests.TestPubSub(t, tests.Features{
					ConsumerGroups: true,
					// A message whose ack was not settled in time comes again.
					ExactlyOnceDelivery:                 false,
					GuaranteedOrder:                     false,
					GuaranteedOrderWithSingleSubscriber: concurrency == 1,
					Persistent:                          true,
					// A new group begins with the next message.
					NewSubscriberReceivesOldMessages: false,
					GenerateTopicFunc:                func(c tests.TestContext) string { return prefix + c.TestID.String() },
				}, func(t *testing.T) (message.Publisher, message.Subscriber) {
					return ofGroup(t, "suite")
				}, ofGroup)
			})
		}
	}
}

// keptOpen leaves the broker open when one of its many users closes it.
type keptOpen struct{ Broker }

func (keptOpen) Close() error { return nil }

// BenchmarkLeased publishes from 64 goroutines and acks in another.
func BenchmarkLeased(b *testing.B) {
	for _, name := range []string{"sqlite", "redis", "mariadb", "mysql"} {
		for _, concurrency := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s, %d in flight", name, concurrency), func(b *testing.B) {
				topic := newTopic(b, name)
				carrier := leasedServers[name](b)(b, Config{})
				out, err := carrier.Queue(QueueConfig{Group: "g", Concurrency: concurrency}).Subscribe(context.Background(), topic)
				if err != nil {
					b.Fatal(err)
				}
				payload := make([]byte, 500)
				b.ResetTimer()
				var publishers sync.WaitGroup
				for p := range 64 {
					publishers.Go(func() {
						for i := p; i < b.N; i += 64 {
							if err := carrier.Publish(topic, message.NewMessage(fmt.Sprint(i), payload)); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for range b.N {
					(<-out).Ack()
				}
				publishers.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			})
		}
	}
}
