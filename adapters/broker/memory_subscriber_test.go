package broker

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/goleak"
)

func TestMemoryCancelledSubscriptionReturnsWhatIsNotAcked(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		sub := m.Queue(QueueConfig{Group: "g", Concurrency: 3})
		ctx, cancel := context.WithCancel(t.Context())
		first := subscribe(ctx, t, sub)
		publish(t, m, keyed("a", "a1"))
		a1 := receive(t, first, "a1")
		publish(t, m, keyed("b", "b1"))
		receive(t, first, "b1").Ack()
		publish(t, m, keyed("a", "a2"), keyed("c", "c1"))
		synctest.Wait() // c1 is in the channel, and nobody reads it
		cancel()
		synctest.Wait()
		wantClosed(t, first)
		if a1.Context().Err() == nil {
			t.Error("the context of a message outlives its subscription")
		}
		wantDepth(t, m, "g", 3)

		second := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g"}))
		a1.Ack() // too late
		got := map[string]int{}
		for i := range 3 {
			msg := <-second
			got[msg.UUID] = i
			msg.Ack()
		}
		receiveNothing(t, second)
		if len(got) != 3 || got["a1"] > got["a2"] {
			t.Errorf("got %v, want a1, c1 and a2, with a1 before a2", got)
		}
	})
}

func TestMemoryAnswerJustBeforeTheEndCounts(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	close(end)
	for range 100 { // select is free to see the end first
		msg := message.NewMessage("a1", nil)
		msg.Ack()
		if got := awaitAnswer(msg, end); got != acked {
			t.Fatalf("the answer to an acked message is %d, want %d", got, acked)
		}
		msg = message.NewMessage("a1", nil)
		msg.Nack()
		if got := awaitAnswer(msg, end); got != nacked {
			t.Fatalf("the answer to a nacked message is %d, want %d", got, nacked)
		}
	}
}

// The backlog is there to tempt a worker that has just been told to end.
func TestMemoryReturnedMessageComesBeforeTheBacklog(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		sub := m.Queue(QueueConfig{Group: "g"})
		subscribeInitialize(t, sub)
		publish(t, m, keyed("a", "a1"), keyed("b", "b1"), keyed("c", "c1"))
		for range 500 {
			ctx, cancel := context.WithCancel(t.Context())
			out := subscribe(ctx, t, sub)
			receive(t, out, "a1")
			cancel()
			synctest.Wait()
			wantClosed(t, out)
		}
		last := subscribe(t.Context(), t, sub)
		for _, id := range []string{"a1", "b1", "c1"} {
			receive(t, last, id).Ack()
		}
	})
}

func TestMemoryIdleSubscriptionTakesOverFromACancelledOne(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		sub := m.Queue(QueueConfig{Group: "g", Concurrency: 8})
		ctx, cancel := context.WithCancel(t.Context())
		busy := subscribe(ctx, t, sub)
		publish(t, m, keyed("a", "a1"), keyed("a", "a2"))
		for range 100 {
			receive(t, busy, "a1")
			nextCtx, cancelNext := context.WithCancel(t.Context())
			idle := subscribe(nextCtx, t, sub)
			receiveNothing(t, idle)
			cancel()
			busy, cancel = idle, cancelNext
		}
		receive(t, busy, "a1").Ack()
		receive(t, busy, "a2").Ack()
		cancel()
	})
}

func TestMemorySubscriptionsOfOneGroupShareTheWork(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		const messages = 1000
		one := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g"}))
		two := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g"}))
		for i := range messages {
			publish(t, m, keyed(strconv.Itoa(i%10), strconv.Itoa(i)))
		}
		handled, byOne, byTwo := map[string]int{}, 0, 0
		for range messages {
			synctest.Wait() // now each has one in its channel
			select {
			case msg := <-one:
				byOne++
				handled[msg.UUID]++
				msg.Ack()
			case msg := <-two:
				byTwo++
				handled[msg.UUID]++
				msg.Ack()
			}
		}
		receiveNothing(t, one)
		receiveNothing(t, two)
		if len(handled) != messages {
			t.Errorf("%d different messages were handled, want %d", len(handled), messages)
		}
		if byOne == 0 || byTwo == 0 {
			t.Errorf("one handled %d and two handled %d", byOne, byTwo)
		}
	})
}

func TestMemoryMessageHasAContextOfItsSubscriptionUntilItIsSettled(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		type name struct{}
		ctx := context.WithValue(t.Context(), name{}, "subscription")
		out := subscribe(ctx, t, m.Queue(QueueConfig{Group: "g"}))
		publish(t, m, keyed("a", "a1"))

		msg := receive(t, out, "a1")
		if got := msg.Context().Value(name{}); got != "subscription" {
			t.Errorf("the context knows %v, want the subscription", got)
		}
		if err := msg.Context().Err(); err != nil {
			t.Errorf("the context is done before the message: %v", err)
		}
		msg.Nack()
		<-msg.Context().Done()

		msg = receive(t, out, "a1")
		if err := msg.Context().Err(); err != nil {
			t.Errorf("the context of the redelivery is done: %v", err)
		}
		msg.Ack()
		<-msg.Context().Done()
	})
}

func TestMemoryForgetsKeysThatHaveNoMessages(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		out := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g"}))
		for i := range 1000 {
			publish(t, m, keyed(strconv.Itoa(i), strconv.Itoa(i)))
			receive(t, out, strconv.Itoa(i)).Ack()
		}
		wantDepth(t, m, "g", 0)
		m.mu.Lock()
		defer m.mu.Unlock()
		if lanes := len(m.find("topic", "g").lanes); lanes != 0 {
			t.Errorf("%d lanes are left", lanes)
		}
	})
}

func TestMemoryClosingASubscriberEndsItsOwnSubscriptionsOnly(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		sub := m.Queue(QueueConfig{Group: "g"})
		one, two := subscribe(t.Context(), t, sub), subscribe(t.Context(), t, sub)
		other := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g"}))
		for range 2 { // closing twice is fine
			if err := sub.Close(); err != nil {
				t.Fatal(err)
			}
		}
		wantClosed(t, one)
		wantClosed(t, two)
		if _, err := sub.Subscribe(t.Context(), "topic"); !errors.Is(err, ErrClosed) {
			t.Errorf("subscribe returned %v, want ErrClosed", err)
		}
		publish(t, m, keyed("a", "a1"))
		receive(t, other, "a1").Ack()
	})
}

// Not parallel: goleak looks at every goroutine there is.
func TestMemoryCloseEndsEverythingAndLeavesNoGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	m := NewMemory(Config{Redelivery: time.Hour, MaxRedelivery: time.Hour})
	sub := m.Queue(QueueConfig{Group: "g", Concurrency: 8})
	out := subscribe(context.Background(), t, sub)
	publish(t, m, keyed("a", "a1"))
	nacked := receive(t, out, "a1")
	nacked.Nack()
	<-nacked.Context().Done()
	publish(t, m, keyed("b", "b1"))
	inFlight := receive(t, out, "b1")
	publish(t, m, keyed("c", "c1"), keyed("d", "d1"), keyed("d", "d2"))

	closeMemory(t, m)
	closeMemory(t, m)
	<-inFlight.Context().Done()
	wantClosed(t, out)
	if err := m.Publish("topic", keyed("a", "a2")); !errors.Is(err, ErrClosed) {
		t.Errorf("publish returned %v, want ErrClosed", err)
	}
	if _, err := sub.Subscribe(context.Background(), "topic"); !errors.Is(err, ErrClosed) {
		t.Errorf("subscribe returned %v, want ErrClosed", err)
	}
}
