package broker

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	stock "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// These tests say why the broker on NATS is not Watermill's own. When one fails,
// Watermill has become better; see docs/adr/0014.

// stockNATS returns Watermill's publisher and subscriber on a stream that keeps
// messages until they are acked.
func stockNATS(t *testing.T, s testServer, withConsumer bool) (*stock.Publisher, *stock.Subscriber) {
	t.Helper()
	conn, err := nats.Connect(s.address(), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "topic", Retention: jetstream.InterestPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if withConsumer {
		c := jetstream.ConsumerConfig{Durable: "watermill__g__topic", AckPolicy: jetstream.AckExplicitPolicy}
		if _, err := js.CreateConsumer(t.Context(), "topic", c); err != nil {
			t.Fatal(err)
		}
	}
	log := watermill.NopLogger{}
	pub, err := stock.NewPublisher(stock.PublisherConfig{Conn: conn, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := stock.NewSubscriber(stock.SubscriberConfig{
		Conn: conn, Logger: log, ResourceInitializer: stock.ExistingConsumer(nil, "g"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return pub, sub
}

func TestStockNATSPublisherLosesWhatNobodyReads(t *testing.T) {
	t.Parallel()
	pub, _ := stockNATS(t, startNATS(t), false)
	if err := pub.Publish("topic", keyed("a", "lost")); err != nil {
		t.Errorf("got %v, want no error for a message that is lost", err)
	}
}

func TestStockNATSPublisherIsDeafToTheContext(t *testing.T) {
	t.Parallel()
	s := startNATS(t)
	pub, _ := stockNATS(t, s, true)
	s.stop()
	began := time.Now()
	if err := pub.Publish("topic", within(t, 100*time.Millisecond, keyed("a", "a1"))); err == nil {
		t.Error("publishing without a server succeeded")
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("publishing took %s, want it to go on after its context's end", took)
	}
}

func TestStockNATSSubscriberHasOneMessageInFlight(t *testing.T) {
	t.Parallel()
	pub, sub := stockNATS(t, startNATS(t), true)
	out := listen(t, sub, "topic")
	if err := pub.Publish("topic", keyed("a", "a1"), keyed("b", "b1")); err != nil {
		t.Fatal(err)
	}
	m := take(t, out)
	wantSilence(t, out)
	m.Ack()
	take(t, out).Ack()
}

func TestStockNATSSubscriberStaysDeadWhenItsConsumerIsGone(t *testing.T) {
	t.Parallel()
	s := startNATS(t)
	pub, sub := stockNATS(t, s, true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, err := sub.Subscribe(ctx, "topic")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), "topic", "watermill__g__topic"); err != nil {
		t.Fatal(err)
	}
	c := jetstream.ConsumerConfig{Durable: "watermill__g__topic", AckPolicy: jetstream.AckExplicitPolicy}
	if _, err := js.CreateConsumer(t.Context(), "topic", c); err != nil {
		t.Fatal(err)
	}
	if err := pub.Publish("topic", keyed("a", "a1")); err != nil {
		t.Fatal(err)
	}
	wantSilence(t, out)
}

// wantSilence wants no message for two seconds.
func wantSilence(t *testing.T, out <-chan *message.Message) {
	t.Helper()
	select {
	case m, open := <-out:
		if open {
			t.Errorf("got %s, want nothing", m.UUID)
		}
	case <-time.After(2 * time.Second):
	}
}
