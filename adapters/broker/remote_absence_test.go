package broker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/goleak"
)

func returnsWhenContextIsDone(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := keyed("a", "a1")
	m.SetContext(ctx)
	if err := b.Publish("topic", m); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// publishFails publishes within a second and wants an error soon after. Without its
// context a message waits for 10s.
func publishFails(t *testing.T, b Broker) {
	t.Helper()
	began := time.Now()
	if err := b.Publish("topic", within(t, time.Second, keyed("a", "away"))); err == nil {
		t.Error("publishing without a server succeeded")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("publishing took %s, want the end of the context after 1s", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := b.Ping(ctx); err == nil {
		t.Error("a server that is away answers")
	}
}

// recovery is how soon a broker has to work again: before a server would give up those
// who have messages, which is after 10s in Kafka and after 30s in NATS.
const recovery = 9 * time.Second

// worksAgain publishes until that succeeds, and wants the message soon.
func worksAgain(t *testing.T, b Broker, out <-chan *message.Message, id string) {
	t.Helper()
	began := time.Now()
	succeeds(t, recovery, func() error {
		return b.Publish("topic", within(t, time.Second, keyed("a", id)))
	})
	takeUntil(t, out, id)
	if took := time.Since(began); took > recovery {
		t.Errorf("it worked again after %s, want %s at most", took, recovery)
	}
	succeeds(t, recovery, func() error { return b.Ping(t.Context()) })
}

// takeUntil wants one message among others.
func takeUntil(t *testing.T, out <-chan *message.Message, id string) {
	t.Helper()
	for {
		m := take(t, out)
		m.Ack()
		if m.UUID == id {
			return
		}
	}
}

func survivesAbsence(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	out := listen(t, b.Queue(QueueConfig{Group: "g", Concurrency: 4}), "topic")
	worksAgain(t, b, out, "before")
	s.stop()
	publishFails(t, b)
	s.start()
	worksAgain(t, b, out, "after")
}

func keepsBacklog(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	q := b.Queue(QueueConfig{Group: "g"})
	subscribeInitialize(t, q)
	sendTo(t, b, "topic", keyed("a", "a1"), keyed("a", "a2"))
	s.stop()
	s.start()
	out := listen(t, q, "topic")
	takeAndAck(t, out, "a1")
	takeAndAck(t, out, "a2")
}

func bringsBack(t *testing.T, s testServer) {
	b := openRemote(t, s, quiet())
	out := listen(t, b.Queue(QueueConfig{Group: "g", Concurrency: 4}), "topic")
	idle := b.Queue(QueueConfig{Group: "idle"})
	subscribeInitialize(t, idle)
	worksAgain(t, b, out, "before")
	s.stop()
	s.wipe()
	s.start()
	worksAgain(t, b, out, "after")
	takeUntil(t, listen(t, idle, "topic"), "after")
}

func opensWhileAway(t *testing.T, s testServer) {
	s.stop()
	b := openRemote(t, s, quiet())
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	publishFails(t, b)
	s.start()
	worksAgain(t, b, out, "after")
}

// testRemoteLeavesNoGoroutines is for a test that does not run beside others,
// because it counts goroutines.
func testRemoteLeavesNoGoroutines(t *testing.T, start func(*testing.T) testServer) {
	before := goleak.IgnoreCurrent()
	s := start(t)
	for _, away := range []bool{false, true} {
		b, err := Open(t.Context(), s.address(), quiet())
		if err != nil {
			t.Fatal(err)
		}
		out := listen(t, b.Queue(QueueConfig{Group: "g", Concurrency: 2}), "topic")
		worksAgain(t, b, out, "last")
		var publishing sync.WaitGroup
		if away {
			s.stop()
			for range 4 {
				publishing.Go(func() { _ = b.Publish("topic", keyed("a", "a1")) })
			}
		}
		closeSoon(t, b)
		publishing.Wait()
		if _, open := <-out; open {
			t.Error("the channel is open after the end")
		}
		closeSoon(t, b)
	}
	succeeds(t, patience, func() error { return goleak.Find(before) })
}
