package broker

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

func TestMemoryKeepsTheOrderOfEveryKeyWith64InFlightAndRandomNacks(t *testing.T) {
	inBubble(t, Config{Redelivery: time.Millisecond}, func(t *testing.T, m *Memory) {
		const keys, perKey = 100, 50
		out := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g", Concurrency: 64}))

		var mu sync.Mutex
		random := rand.New(rand.NewPCG(1, 2))
		acks, acked, nacked, done := map[string]int{}, 0, 0, make(chan struct{})
		for range 64 {
			go func() {
				for msg := range out {
					mu.Lock()
					key := msg.Metadata.Get(KeyHeader)
					if want := fmt.Sprintf("%s/%d", key, acks[key]); msg.UUID != want {
						t.Errorf("got %s, want %s", msg.UUID, want)
					}
					if random.IntN(5) == 0 {
						nacked++
						msg.Nack()
					} else {
						acks[key]++
						acked++
						msg.Ack()
					}
					if acked == keys*perKey {
						close(done)
					}
					mu.Unlock()
				}
			}()
		}
		go func() {
			for i := range perKey {
				for k := range keys {
					key := strconv.Itoa(k)
					if err := m.Publish("topic", keyed(key, fmt.Sprintf("%s/%d", key, i))); err != nil {
						t.Error(err)
					}
				}
			}
		}()
		<-done
		if nacked < 1000 {
			t.Errorf("only %d messages were nacked: the test has shown little", nacked)
		}
		wantDepth(t, m, "g", 0)
	})
}

func TestMemoryHasOneMessageOfAKeyAndConcurrencyInAllInFlight(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *Memory) {
		out := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g", Concurrency: 3}))
		publish(t, m, keyed("a", "a1"), keyed("a", "a2"))
		a1 := receive(t, out, "a1")
		receiveNothing(t, out)

		publish(t, m, keyed("b", "b1"))
		b1 := receive(t, out, "b1")
		publish(t, m, keyed("c", "c1"))
		c1 := receive(t, out, "c1")
		publish(t, m, keyed("d", "d1"))
		receiveNothing(t, out)
		wantDepth(t, m, "g", 5)

		b1.Ack()
		d1 := receive(t, out, "d1")
		a1.Ack()
		a2 := receive(t, out, "a2")
		for _, msg := range []*message.Message{a2, c1, d1} {
			msg.Ack()
		}
		wantDepth(t, m, "g", 0)
	})
}

func TestMemoryNackedMessageHoldsUpItsOwnKeyOnly(t *testing.T) {
	inBubble(t, Config{Redelivery: time.Minute, MaxRedelivery: time.Minute}, func(t *testing.T, m *Memory) {
		out := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g"}))
		publish(t, m, keyed("a", "a1"), keyed("a", "a2"), keyed("b", "b1"), keyed("b", "b2"))
		start := time.Now()
		receive(t, out, "a1").Nack()
		receive(t, out, "b1").Ack()
		receive(t, out, "b2").Ack()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("b waited %v for a", waited)
		}
		receiveNothing(t, out)
		receive(t, out, "a1").Ack()
		receive(t, out, "a2").Ack()
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("a came again after %v, want a minute", waited)
		}
	})
}

func TestMemoryRedeliveryDelayDoublesWithEveryNack(t *testing.T) {
	config := Config{Redelivery: time.Second, MaxRedelivery: 5 * time.Second}
	inBubble(t, config, func(t *testing.T, m *Memory) {
		out := subscribe(t.Context(), t, m.Queue(QueueConfig{Group: "g"}))
		publish(t, m, keyed("a", "a1"), keyed("a", "a2"))
		last := time.Now()
		next := func(id string, want time.Duration) *message.Message {
			msg := receive(t, out, id)
			if got := time.Since(last); got != want {
				t.Errorf("%s came after %v, want %v", id, got, want)
			}
			last = time.Now()
			return msg
		}
		for _, seconds := range []time.Duration{0, 1, 2, 4, 5} {
			next("a1", seconds*time.Second).Nack()
		}
		next("a1", 5*time.Second).Ack()

		next("a2", 0).Nack()
		next("a2", time.Second).Ack() // nobody pays for the nacks of the one before
	})
}
