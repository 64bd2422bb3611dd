package broker

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// testRemoteSuite runs Watermill's suite with all instances on one broker, as they
// would be in a process.
func testRemoteSuite(t *testing.T, s testServer, concurrency int, keyed bool, f tests.Features) {
	c := quiet()
	c.Redelivery = time.Millisecond
	c.MaxRedelivery = 2 * time.Millisecond
	b := openRemote(t, s, c)
	ofGroup := func(_ *testing.T, group string) (message.Publisher, message.Subscriber) {
		q := b.Queue(QueueConfig{Group: group, Concurrency: concurrency})
		return remotePublisher{b, keyed}, q
	}
	tests.TestPubSub(t, f, func(t *testing.T) (message.Publisher, message.Subscriber) {
		return ofGroup(t, "suite")
	}, ofGroup)
}

// remotePublisher leaves the broker open when one of its many users closes it.
type remotePublisher struct {
	Broker
	keyed bool
}

func (p remotePublisher) Close() error { return nil }

func (p remotePublisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		if p.keyed {
			m.Metadata.Set(KeyHeader, string(m.Payload))
		}
	}
	return p.Broker.Publish(topic, messages...)
}
