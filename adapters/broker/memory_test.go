package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// inBubble runs a test on a broker whose time only passes when everybody waits.
// It also fails if closing the broker leaves a goroutine behind.
func inBubble(t *testing.T, config Config, test func(t *testing.T, m *Memory)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(config)
		t.Cleanup(func() { closeMemory(t, m) })
		test(t, m)
	})
}

func closeMemory(t *testing.T, m *Memory) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func keyed(key, id string) *message.Message {
	msg := message.NewMessage(id, []byte("payload of "+id))
	msg.Metadata.Set(KeyHeader, key)
	return msg
}

func publish(t *testing.T, m *Memory, messages ...*message.Message) {
	t.Helper()
	if err := m.Publish("topic", messages...); err != nil {
		t.Fatal(err)
	}
}

func subscribe(ctx context.Context, t *testing.T, sub message.Subscriber) <-chan *message.Message {
	t.Helper()
	out, err := sub.Subscribe(ctx, "topic")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func subscribeInitialize(t *testing.T, sub message.Subscriber) {
	t.Helper()
	if err := sub.(message.SubscribeInitializer).SubscribeInitialize("topic"); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, out <-chan *message.Message, id string) *message.Message {
	t.Helper()
	select {
	case msg, open := <-out:
		if !open {
			t.Fatalf("the channel is closed, want %s", id)
		}
		if msg.UUID != id {
			t.Fatalf("got %s, want %s", msg.UUID, id)
		}
		return msg
	case <-time.After(time.Hour):
		t.Fatalf("got nothing, want %s", id)
	}
	return nil
}

func receiveNothing(t *testing.T, out <-chan *message.Message) {
	t.Helper()
	synctest.Wait()
	select {
	case msg, open := <-out:
		if !open {
			t.Fatal("the channel is closed, want it open and empty")
		}
		t.Fatalf("got %s, want nothing", msg.UUID)
	default:
	}
}

func wantClosed(t *testing.T, out <-chan *message.Message) {
	t.Helper()
	select {
	case msg, open := <-out:
		if open {
			t.Fatalf("got %s, want a closed channel", msg.UUID)
		}
	default:
		t.Fatal("the channel is open, want it closed")
	}
}

func wantDepth(t *testing.T, m *Memory, group string, want int) {
	t.Helper()
	synctest.Wait()
	if got := m.Depth("topic", group); got != want {
		t.Fatalf("depth of %s is %d, want %d", group, got, want)
	}
}

func TestMemoryPublishingWithoutAQueueIsAnError(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		if err := m.Publish("topic", keyed("a", "a1")); !errors.Is(err, ErrUnroutable) {
			t.Fatalf("got %v, want ErrUnroutable", err)
		}
		sub := m.Queue(QueueConfig{Group: "g"})
		subscribeInitialize(t, sub)
		publish(t, m, keyed("a", "a2"))
		wantDepth(t, m, "g", 1)
		receive(t, subscribe(t.Context(), t, sub), "a2")
	})
}

func TestMemoryEveryGroupGetsEveryMessageAndAnotherTopicNone(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		one := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "one"}))
		two := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "two"}))
		other, err := m.Queue(QueueConfig{Group: "one"}).Subscribe(t.Context(), "another topic")
		if err != nil {
			t.Fatal(err)
		}
		publish(t, m, keyed("a", "a1"))
		receive(t, one, "a1").Ack()
		msg := receive(t, two, "a1")
		if got := string(msg.Payload); got != "payload of a1" {
			t.Errorf("the payload is %q", got)
		}
		receiveNothing(t, other)
		wantDepth(t, m, "one", 0)
		wantDepth(t, m, "two", 1)
	})
}

func TestMemoryFullQueueMakesPublishWait(t *testing.T) {
	inBubble(t, Config{Capacity: 2}, func(t *testing.T, m *Memory) {
		fast := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "fast"}))
		slow := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "slow"}))
		publish(t, m, keyed("a", "a1"), keyed("a", "a2"))
		receive(t, fast, "a1").Ack()
		receive(t, fast, "a2").Ack()

		published := make(chan error, 1)
		go func() { published <- m.Publish("topic", keyed("a", "a3")) }()
		synctest.Wait()
		select {
		case err := <-published:
			t.Fatalf("publish returned %v, want it to wait", err)
		default:
		}
		receiveNothing(t, fast) // all queues or none

		receive(t, slow, "a1").Ack()
		if err := <-published; err != nil {
			t.Fatal(err)
		}
		receive(t, fast, "a3").Ack()
		wantDepth(t, m, "slow", 2)
	})
}

func TestMemoryPublishGivesUpWithTheContextOfItsMessage(t *testing.T) {
	inBubble(t, Config{Capacity: 1}, func(t *testing.T, m *Memory) {
		fast := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "fast"}))
		slow := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "slow"}))
		publish(t, m, keyed("a", "a1"))
		receive(t, fast, "a1").Ack()

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		late := keyed("a", "a2")
		late.SetContext(ctx)
		start := time.Now()
		if err := m.Publish("topic", late); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the error of the context", err)
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("publish gave up after %v, want a minute", waited)
		}

		// The place it had in the other queue is free again.
		receive(t, slow, "a1").Ack()
		publish(t, m, keyed("a", "a3"))
		receive(t, fast, "a3").Ack()
		receive(t, slow, "a3").Ack()
	})
}

func TestMemoryCloseFreesAPublishThatWaits(t *testing.T) {
	inBubble(t, Config{Capacity: 1}, func(t *testing.T, m *Memory) {
		subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g"}))
		publish(t, m, keyed("a", "a1"))
		published := make(chan error, 1)
		go func() { published <- m.Publish("topic", keyed("a", "a2")) }()
		synctest.Wait()
		closeMemory(t, m)
		synctest.Wait()
		select {
		case err := <-published:
			if !errors.Is(err, ErrClosed) {
				t.Errorf("publish returned %v, want ErrClosed", err)
			}
		default:
			t.Error("publish still waits")
		}
	})
}

func TestMemoryQueueHoldsOnlyWhatItsGroupWants(t *testing.T) {
	t.Parallel()
	m := NewMemory(Config{Capacity: 1})
	t.Cleanup(func() { m.Close() }) // ends with the test
	picky := m.Queue(QueueConfig{Group: "picky", Types: []string{"good", "better"}})
	if err := picky.(message.SubscribeInitializer).SubscribeInitialize("events"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"bad", "bad", "good", "bad"} { // more than there are places for
		msg := message.NewMessage(kind, nil)
		msg.Metadata.Set(TypeHeader, kind)
		if err := m.Publish("events", msg); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	messages, err := picky.Subscribe(t.Context(), "events")
	if err != nil {
		t.Fatal(err)
	}
	msg := <-messages
	if msg.UUID != "good" || m.Depth("events", "picky") != 1 {
		t.Errorf("got %s of %d messages, want the good one only", msg.UUID, m.Depth("events", "picky"))
	}
	msg.Ack()
}

func TestMemoryLossyQueueHoldsUpNobody(t *testing.T) {
	t.Parallel()
	m := NewMemory(Config{Capacity: 2})
	t.Cleanup(func() { m.Close() }) // ends with the test
	for _, group := range []string{"stuck", "brisk"} {
		q := m.Queue(QueueConfig{Group: group, Lossy: group == "stuck"})
		if err := q.(message.SubscribeInitializer).SubscribeInitialize("events"); err != nil {
			t.Fatal(err)
		}
	}
	brisk, err := m.Queue(QueueConfig{Group: "brisk"}).Subscribe(t.Context(), "events")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		msg := message.NewMessage(fmt.Sprint(i), nil)
		if err := m.Publish("events", msg); err != nil {
			t.Fatal(err)
		}
		got := <-brisk
		if got.UUID != msg.UUID {
			t.Fatalf("got message %s, want %s", got.UUID, msg.UUID)
		}
		got.Ack()
	}
	if n := m.Depth("events", "stuck"); n != 2 {
		t.Errorf("the stuck queue holds %d messages, want the 2 it has places for", n)
	}
}
