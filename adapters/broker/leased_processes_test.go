package broker

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/goleak"
)

func TestLeasedSubscriptionsShareTheWork(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		const processes, messages = 4, 400
		var (
			mu   sync.Mutex
			got  = map[string]int{}
			done = make(chan struct{})
		)
		first := open(t, Config{})
		prepare(t, first, topic, QueueConfig{Group: "g"})
		for range processes {
			out := follow(t, open(t, Config{}), topic, QueueConfig{Group: "g", Concurrency: 8})
			go func() {
				for m := range out {
					mu.Lock()
					if got[m.UUID]++; len(got) == messages {
						close(done)
					}
					mu.Unlock()
					m.Ack()
				}
			}()
		}
		var publishers sync.WaitGroup
		for p := range 8 {
			publishers.Go(func() {
				for i := range messages / 8 {
					if err := first.Publish(topic, message.NewMessage(fmt.Sprint(p, "/", i), nil)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		publishers.Wait()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			mu.Lock()
			t.Fatalf("%d of %d messages came", len(got), messages)
		}
		mu.Lock()
		defer mu.Unlock()
		for id, n := range got {
			if n != 1 {
				t.Errorf("%s came %d times, want once", id, n)
			}
		}
	})
}

// Not parallel: goleak looks at every goroutine there is.
func TestLeasedCloseLeavesNoGoroutine(t *testing.T) {
	for _, name := range []string{"sqlite", "redis"} {
		t.Run(name, func(t *testing.T) {
			server := leasedServers[name](t)
			topic := newTopic(t, name)
			ignored := goleak.IgnoreCurrent()
			t.Run("broker", func(t *testing.T) {
				b := server(t, Config{})
				out := follow(t, b, topic, QueueConfig{Group: "g", Concurrency: 8})
				for i := range 20 {
					send(t, b, topic, message.NewMessage(fmt.Sprint(i), nil))
				}
				await(t, out).Nack()
				await(t, out)
				begun := time.Now()
				closeBroker(t, b)
				if took := time.Since(begun); took > grace-100*time.Millisecond {
					t.Errorf("closing took %v, as if the server did not answer", took)
				}
				closeBroker(t, b)
				if err := b.Publish(topic, message.NewMessage("1", nil)); !errors.Is(err, ErrClosed) {
					t.Errorf("publish returned %v, want ErrClosed", err)
				}
				if _, err := b.Queue(QueueConfig{Group: "g"}).Subscribe(t.Context(), topic); !errors.Is(err, ErrClosed) {
					t.Errorf("subscribe returned %v, want ErrClosed", err)
				}
			})
			goleak.VerifyNone(t, ignored)
		})
	}
}
