package broker

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats-server/v2/server"
)

// natsServer is a server in this process, on one port and one folder.
type natsServer struct {
	t       *testing.T
	options server.Options
	running *server.Server
}

func startNATS(t *testing.T) testServer {
	s := &natsServer{t: t, options: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, StoreDir: t.TempDir(),
		NoLog: true, NoSigs: true,
	}}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *natsServer) address() string { return s.running.ClientURL() }

func (s *natsServer) start() {
	s.t.Helper()
	options := s.options.Clone()
	running, err := server.NewServer(options)
	if err != nil {
		s.t.Fatal(err)
	}
	running.Start()
	if !running.ReadyForConnections(patience) {
		s.t.Fatal("the server is not ready")
	}
	s.running = running
	s.options.Port = options.Port
}

func (s *natsServer) stop() {
	s.running.Shutdown()
	s.running.WaitForShutdown()
}

func (s *natsServer) wipe() {
	if err := os.RemoveAll(s.options.StoreDir); err != nil {
		s.t.Fatal(err)
	}
}

func TestNATS(t *testing.T) {
	t.Parallel()
	testRemote(t, startNATS)
}

// This test counts goroutines, so it does not run beside others.
func TestNATSLeavesNoGoroutines(t *testing.T) {
	testRemoteLeavesNoGoroutines(t, startNATS)
}

func openNATSWithStream(t *testing.T) *NATS {
	return openRemote(t, startNATS(t), quiet()).(*NATS)
}

func TestNATSPublishingWithoutAQueueIsAnError(t *testing.T) {
	t.Parallel()
	b := openNATSWithStream(t)
	wantUnroutable := func(when string) {
		t.Helper()
		if err := b.Publish("topic", within(t, patience, keyed("a", "a1"))); !errors.Is(err, ErrUnroutable) {
			t.Errorf("%s: got %v, want ErrUnroutable", when, err)
		}
	}
	wantUnroutable("without a stream")

	b2 := openRemote(t, &natsAddress{b.conn.ConnectedUrl()}, quiet())
	subscribeInitialize(t, b2.Queue(QueueConfig{Group: "g"}))
	sendTo(t, b, "topic", keyed("a", "a2"))

	// The server would drop the message now, and say that it has it.
	losses := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.losses
	}
	before := losses()
	if err := b.stream.DeleteConsumer(t.Context(), "topic", "g"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the notice of it is here", func() bool { return losses() > before })
	wantUnroutable("with a stream whose only consumer was deleted")
	if err := b.stream.DeleteStream(t.Context(), "topic"); err != nil {
		t.Fatal(err)
	}
	wantUnroutable("with a stream that was deleted")
}

// natsAddress is a server that is not the test's own.
type natsAddress struct{ url string }

func (a *natsAddress) address() string { return a.url }
func (a *natsAddress) start()          {}
func (a *natsAddress) stop()           {}
func (a *natsAddress) wipe()           {}

func TestNATSNackedMessagesHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	c := quiet()
	c.Redelivery = time.Minute
	c.MaxRedelivery = time.Minute
	b := openRemote(t, startNATS(t), c)
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	const poison = 1_500 // more than the server has in flight unless it is told otherwise
	for i := range poison {
		sendTo(t, b, "topic", keyed("a", fmt.Sprint("poison ", i)))
	}
	for range poison {
		take(t, out).Nack()
	}
	sendTo(t, b, "topic", keyed("a", "a1"))
	takeAndAck(t, out, "a1")
}

func TestNATSForgetsWhatEveryGroupHasAcked(t *testing.T) {
	t.Parallel()
	b := openNATSWithStream(t)
	wantKept := func(want uint64) {
		t.Helper()
		succeeds(t, patience, func() error {
			s, err := b.stream.Stream(t.Context(), "topic")
			if err == nil && s.CachedInfo().State.Msgs != want {
				err = fmt.Errorf("%d messages are kept, want %d", s.CachedInfo().State.Msgs, want)
			}
			return err
		})
	}
	paid := listen(t, b.Queue(QueueConfig{Group: "paid", Types: []string{"order.paid"}}), "topic")
	all := listen(t, b.Queue(QueueConfig{Group: "all"}), "topic")
	sendTo(t, b, "topic", ofType("order.paid", "1"), ofType("order.placed", "2"))
	takeAndAck(t, all, "1")
	takeAndAck(t, all, "2")
	wantKept(1)
	takeAndAck(t, paid, "1")
	wantKept(0)
}

func TestNATSSubscriptionBringsBackADeletedQueue(t *testing.T) {
	t.Parallel()
	b := openNATSWithStream(t)
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	worksAgain(t, b, out, "before")
	if err := b.stream.DeleteConsumer(t.Context(), "topic", "g"); err != nil {
		t.Fatal(err)
	}
	comesBack(t, b, out, "after the consumer was deleted")
	if err := b.stream.DeleteStream(t.Context(), "topic"); err != nil {
		t.Fatal(err)
	}
	comesBack(t, b, out, "after the stream was deleted")
}

// comesBack wants messages to arrive again soon. What is published at the
// moment in which the server deletes a queue may go with it.
func comesBack(t *testing.T, b Broker, out <-chan *message.Message, when string) {
	t.Helper()
	enough := time.After(recovery)
	for n := 0; ; n++ {
		succeeds(t, recovery, func() error {
			return b.Publish("topic", within(t, time.Second, keyed("a", fmt.Sprint(when, ", ", n))))
		})
		select {
		case m := <-out:
			m.Ack()
			if strings.HasPrefix(m.UUID, when) {
				return
			}
		case <-time.After(200 * time.Millisecond):
		case <-enough:
			t.Fatalf("nothing arrives %s", when)
		}
	}
}

func TestNATSDoesNotDeliverAgainWhatIsBeingHandled(t *testing.T) {
	t.Parallel()
	b := openNATSWithStream(t)
	b.ackWait = 3 * time.Second                       // and a word of it comes every second
	config := QueueConfig{Group: "g", Concurrency: 2} // so that who has it could have it again
	one, other := listen(t, b.Queue(config), "topic"), listen(t, b.Queue(config), "topic")
	sendTo(t, b, "topic", keyed("a", "a1"))
	var m *message.Message
	select {
	case m = <-one:
	case m = <-other:
	case <-time.After(patience):
		t.Fatal("got nothing, want a1")
	}
	select {
	case <-one:
	case <-other:
	case <-time.After(2 * b.ackWait):
		m.Ack()
		return
	}
	t.Error("a message came again while it was handled")
}

func TestNATSDeliversAMessageWithTheSameIDAgain(t *testing.T) {
	t.Parallel()
	b := openNATSWithStream(t)
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	for range 2 {
		sendTo(t, b, "topic", keyed("a", "a1"))
		takeAndAck(t, out, "a1")
	}
}

func TestNATSTopicsDoNotOverlap(t *testing.T) {
	t.Parallel()
	b := openNATSWithStream(t)
	for _, topic := range []string{"a", "a.b", "a.b.c", "a_b", "a=2Eb", "A b", "a.*", "a.>", ""} {
		out := listen(t, b.Queue(QueueConfig{Group: "g.1 *"}), topic)
		sendTo(t, b, topic, ofType("b", "to "+topic), ofType("b.c", "again to "+topic))
		takeAndAck(t, out, "to "+topic)
		takeAndAck(t, out, "again to "+topic)
	}
}

func TestNATSWantsAnAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"nats:", "nats://", "nats://:pass word@host", "nats://u:secret@host:1/path"} {
		_, err := Open(t.Context(), address, quiet())
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want an error without the password", address, err)
		}
	}
}

func TestNATSPassesTheUniversalSuite(t *testing.T) {
	t.Parallel()
	for _, suite := range []struct {
		name        string
		concurrency int
		orderOne    bool
	}{
		{"one in flight", 1, true},
		{"64 in flight", 64, false},
	} {
		t.Run(suite.name, func(t *testing.T) {
			t.Parallel()
			testRemoteSuite(t, startNATS(t), suite.concurrency, false, tests.Features{
				ConsumerGroups: true,
				// An ack may be lost with the connection.
				ExactlyOnceDelivery: false,
				// A nacked message is overtaken, and several readers are not kept
				// in step.
				GuaranteedOrder:                     false,
				GuaranteedOrderWithSingleSubscriber: suite.orderOne,
				Persistent:                          true,
				// What every group has acked is gone.
				NewSubscriberReceivesOldMessages: false,
			})
		})
	}
}

func TestNATSReturnsInTimeFromAServerThatHangs(t *testing.T) {
	t.Parallel()
	s := startNATS(t)
	p := startProxy(t, strings.TrimPrefix(s.address(), "nats://"))
	b := openRemote(t, &natsAddress{p.before(s.address())}, quiet())
	out := listen(t, b.Queue(QueueConfig{Group: "g"}), "topic")
	worksAgain(t, b, out, "before")
	p.gate.Lock()
	publishFails(t, b)
	closeSoon(t, b)
	p.gate.Unlock()
}
