package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// testServer is a server that a test may stop and start.
type testServer interface {
	address() string
	stop()
	start()
	wipe() // while it is stopped
}

// quiet is a configuration whose log goes nowhere.
func quiet() Config {
	return Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func openRemote(t *testing.T, s testServer, c Config) Broker {
	t.Helper()
	b, err := Open(t.Context(), s.address(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeSoon(t, b) })
	return b
}

// closeSoon closes b and fails if that takes long.
func closeSoon(t *testing.T, b io.Closer) {
	t.Helper()
	began := time.Now()
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("close took %s", took)
	}
}

// within returns a message whose context ends after d.
func within(t *testing.T, d time.Duration, m *message.Message) *message.Message {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	m.SetContext(ctx)
	return m
}

func ofType(messageType, id string) *message.Message {
	m := keyed("key of "+id, id)
	m.Metadata.Set(TypeHeader, messageType)
	return m
}

func sendTo(t *testing.T, b Broker, topic string, messages ...*message.Message) {
	t.Helper()
	for _, m := range messages {
		within(t, patience, m)
	}
	if err := b.Publish(topic, messages...); err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T, s message.Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	out, err := s.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// take returns the next message, whichever it is.
func take(t *testing.T, out <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, open := <-out:
		if !open {
			t.Fatal("the channel is closed, want a message")
		}
		return m
	case <-time.After(patience):
		t.Fatal("got nothing, want a message")
	}
	return nil
}

func takeAndAck(t *testing.T, out <-chan *message.Message, id string) {
	t.Helper()
	m := take(t, out)
	if m.UUID != id {
		t.Fatalf("got %s, want %s", m.UUID, id)
	}
	m.Ack()
}

// succeeds repeats try until it returns nil.
func succeeds(t *testing.T, limit time.Duration, try func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %s: %v", limit, err)
		}
		<-tick.C
	}
}

// testRemote holds what is true of every broker on a server.
func testRemote(t *testing.T, start func(*testing.T) testServer) {
	for name, test := range map[string]func(*testing.T, testServer){
		"carries everything that a message has":              carriesEverything,
		"has as many in flight as the queue allows":          hasManyInFlight,
		"delivers a nacked message again after a delay":      delaysRedelivery,
		"gives every group only the types that it wants":     filtersTypes,
		"gives back what is not acked":                       givesBack,
		"remembers what was acked before it closed":          remembersAcks,
		"returns when a message's context is done":           returnsWhenContextIsDone,
		"survives the absence of the server":                 survivesAbsence,
		"keeps what was published while the server restarts": keepsBacklog,
		"brings back what a wiped server has lost":           bringsBack,
		"opens and subscribes while the server is away":      opensWhileAway,
		"refuses to publish and to subscribe when it closed": refusesWhenClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func carriesEverything(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	full := message.NewMessage("id with blanks and\nlines", []byte{0, 1, 255})
	full.Metadata = message.Metadata{
		"ce_type": "order.placed", "ce_subject": "order-1", "Lower-Case": "a", "lower-case": "b", "empty": "",
		"a key: odd": " blanks, 100%,\r\n lines and ü ", "Nats-Msg-Id": "1", "nats-rollup": "all",
	}
	for _, want := range []*message.Message{full, message.NewMessage("no metadata and no payload", nil)} {
		sendTo(t, b, "topic", want.Copy())
		got := take(t, out)
		got.Ack()
		if got.UUID != want.UUID || string(got.Payload) != string(want.Payload) || !maps.Equal(got.Metadata, want.Metadata) {
			t.Errorf("got %q %q %q, want %q %q %q",
				got.UUID, got.Metadata, got.Payload, want.UUID, want.Metadata, want.Payload)
		}
	}
}

func hasManyInFlight(t *testing.T, s testServer) {
	const allowed, sent = 4, 64
	b := openRemote(t, s, quiet())
	out := listen(t, b.Queue(QueueConfig{Group: "g", Concurrency: allowed}), "topic")
	var messages []*message.Message
	for i := range sent {
		messages = append(messages, keyed(fmt.Sprint("key", i), fmt.Sprint("id", i)))
	}
	sendTo(t, b, "topic", messages...)
	var inFlight []*message.Message
	for range allowed {
		inFlight = append(inFlight, take(t, out))
	}
	select {
	case m := <-out:
		t.Errorf("got %s, want nothing beyond %d in flight", m.UUID, allowed)
	case <-time.After(500 * time.Millisecond):
	}
	for _, m := range inFlight {
		m.Ack()
	}
	for range sent - allowed {
		take(t, out).Ack()
	}
}

func delaysRedelivery(t *testing.T, s testServer) {
	c := quiet()
	c.Redelivery = 200 * time.Millisecond
	c.MaxRedelivery = 400 * time.Millisecond
	b := openRemote(t, s, c)
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	sendTo(t, b, "topic", keyed("a", "a1"))
	var nacked time.Time
	for i, least := range []time.Duration{0, c.Redelivery, c.MaxRedelivery, c.MaxRedelivery} {
		m := take(t, out)
		if rested := time.Since(nacked); rested < least {
			t.Errorf("delivery %d came after %s, want at least %s", i+1, rested, least)
		}
		nacked = time.Now()
		m.Nack()
	}
	takeAndAck(t, out, "a1")
}

func filtersTypes(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	all := listen(t, b.Queue(QueueConfig{Group: "all"}), "topic")
	some := listen(t, b.Queue(QueueConfig{Group: "some", Types: []string{"order.paid", "order.shipped"}}), "topic")
	for i, messageType := range []string{"order.placed", "order.paid", "", "order.pai", "order.shipped"} {
		sendTo(t, b, "topic", ofType(messageType, fmt.Sprint(i)))
		takeAndAck(t, all, fmt.Sprint(i))
	}
	got := map[string]bool{}
	for range 2 {
		m := take(t, some)
		got[m.UUID] = true
		m.Ack()
	}
	if !got["1"] || !got["4"] {
		t.Errorf("got %v, want 1 and 4", got)
	}
}

func givesBack(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	first := b.Queue(QueueConfig{Group: "g", Concurrency: 2})
	out := listen(t, first, "topic")
	sendTo(t, b, "topic", keyed("a", "a1"), keyed("b", "b1"))
	m := take(t, out)
	closeSoon(t, first)
	if _, open := <-out; open {
		t.Error("a message came after the subscriber was closed")
	}
	if m.Context().Err() == nil {
		t.Error("the context of a message goes on after its subscriber")
	}
	began := time.Now()
	again := listen(t, b.Queue(QueueConfig{Group: "g", Concurrency: 2}), "topic")
	got := map[string]bool{}
	for range 2 {
		m := take(t, again)
		got[m.UUID] = true
		m.Ack()
	}
	if !got["a1"] || !got["b1"] || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %s, want a1 and b1 soon", got, time.Since(began))
	}
}

func remembersAcks(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	config := QueueConfig{Group: "g", Concurrency: 4}
	out := listen(t, b.Queue(config), "topic")
	sendTo(t, b, "topic", keyed("a", "a1"), keyed("b", "b1"), keyed("c", "c1"))
	for range 3 {
		if m := take(t, out); m.UUID != "b1" {
			m.Ack()
		}
	}
	closeSoon(t, b)
	b = openRemote(t, s, quiet())
	again := listen(t, b.Queue(config), "topic")
	takeAndAck(t, again, "b1")
	sendTo(t, b, "topic", keyed("d", "d1"))
	takeAndAck(t, again, "d1")
}

func refusesWhenClosed(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	q := b.Queue(QueueConfig{Group: "g"})
	closeSoon(t, b)
	if err := b.Publish("topic", keyed("a", "a1")); !errors.Is(err, ErrClosed) {
		t.Errorf("publish: got %v, want ErrClosed", err)
	}
	for _, q := range []message.Subscriber{q, b.Queue(QueueConfig{Group: "g"})} {
		if _, err := q.Subscribe(t.Context(), "topic"); !errors.Is(err, ErrClosed) {
			t.Errorf("subscribe: got %v, want ErrClosed", err)
		}
	}
	if err := b.Ping(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("ping: got %v, want ErrClosed", err)
	}
}
