package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

func TestLeasedQueueHasManyInFlight(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		b := open(t, Config{})
		out := follow(t, b, topic, QueueConfig{Group: "g", Concurrency: 8})
		for i := range 12 {
			send(t, b, topic, message.NewMessage(fmt.Sprint(i), nil))
		}
		var held []*message.Message
		for range 8 {
			held = append(held, await(t, out))
		}
		nothing(t, out, 300*time.Millisecond)
		for _, m := range held {
			m.Ack()
		}
		for range 4 {
			await(t, out).Ack()
		}
		nothing(t, out, 300*time.Millisecond)
	})
}

func TestLeasedNackComesAgainAndHoldsUpNobody(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		b := open(t, Config{Redelivery: 200 * time.Millisecond})
		out := follow(t, b, topic, QueueConfig{Group: "g"})
		send(t, b, topic, message.NewMessage("poison", nil))
		begun, nacks := time.Now(), 0
		for brisk := 0; nacks < 3 || brisk < 100; {
			if brisk < 100 {
				send(t, b, topic, message.NewMessage("brisk", nil))
			}
			m := await(t, out)
			if m.UUID == "poison" {
				nacks++
				if least := []time.Duration{0, 200, 600, 1400}[min(nacks-1, 3)] * time.Millisecond; time.Since(begun) < least {
					t.Errorf("nack %d came after %v, want %v", nacks, time.Since(begun), least)
				}
				m.Nack()
				continue
			}
			brisk++
			m.Ack()
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("three nacks and 100 messages took %v", took)
		}
	})
}

func TestLeasedQueueHoldsOnlyItsTypes(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		b := open(t, Config{})
		typed := follow(t, b, topic, QueueConfig{Group: "typed", Types: []string{"good", "better"}})
		every := follow(t, b, topic, QueueConfig{Group: "every", Concurrency: 10})
		kinds := []string{"bad", "good", "", "better"}
		for _, kind := range kinds {
			m := message.NewMessage("a "+kind, nil)
			m.Metadata.Set(TypeHeader, kind)
			send(t, b, topic, m)
		}
		for _, want := range []string{"a good", "a better"} {
			m := await(t, typed)
			if m.UUID != want {
				t.Errorf("got %q, want %q", m.UUID, want)
			}
			m.Ack()
		}
		nothing(t, typed, 300*time.Millisecond)
		for range kinds {
			await(t, every).Ack()
		}
	})
}

func TestLeasedPublishWithoutAQueueIsAnError(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		b, other := open(t, Config{}), open(t, Config{})
		if err := b.Publish(topic, message.NewMessage("1", nil)); !errors.Is(err, ErrUnroutable) {
			t.Fatalf("got %v, want ErrUnroutable", err)
		}
		prepare(t, other, topic, QueueConfig{Group: "g"})
		send(t, b, topic, message.NewMessage("2", nil))
		if m := await(t, follow(t, other, topic, QueueConfig{Group: "g"})); m.UUID != "2" {
			t.Errorf("got %s, want 2", m.UUID)
		}
	})
}

func TestLeasedMessageSurvivesAsItIs(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		b := open(t, Config{})
		out := follow(t, b, topic, QueueConfig{Group: "g"})
		for _, payload := range [][]byte{nil, {}, {0, 255, '\n'}, []byte(strings.Repeat("x", 1<<20))} {
			sent := message.NewMessage("id with Ünïcode "+rand.Text(), payload)
			sent.Metadata = message.Metadata{TypeHeader: "order.created", KeyHeader: "o-1", "empty": "", "Ü:{}\n": "ä\x00\"\n"}
			send(t, b, topic, sent)
			got := await(t, out)
			if got.UUID != sent.UUID || string(got.Payload) != string(payload) || !maps.Equal(got.Metadata, sent.Metadata) {
				t.Errorf("sent %q %d bytes %q, got %q %d bytes %q",
					sent.UUID, len(payload), sent.Metadata, got.UUID, len(got.Payload), got.Metadata)
			}
			got.Ack()
		}
		bare := message.NewMessage("bare", nil)
		bare.Metadata = nil
		send(t, b, topic, bare)
		got := await(t, out)
		got.Metadata.Set("it", "can be written to")
		got.Ack()
	})
}

// The first broker neither settles nor extends, as one whose process was killed.
func TestLeasedMessagesOfTheDeadGoToOthers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		dead, alive := open(t, Config{}), shorten(open(t, Config{}), time.Second)
		prepare(t, alive, topic, QueueConfig{Group: "g"})
		send(t, alive, topic, message.NewMessage("1", nil), message.NewMessage("2", nil))
		silent := shortLived(t, dead, topic)
		begun := time.Now()
		claimed, err := silent.claim(t.Context(), 2)
		if err != nil || len(claimed) != 2 {
			t.Fatalf("claimed %d messages, %v", len(claimed), err)
		}
		out := follow(t, alive, topic, QueueConfig{Group: "g", Concurrency: 2})
		got := map[string]bool{}
		for range 2 {
			m := await(t, out)
			got[m.UUID] = true
			m.Ack()
		}
		if len(got) != 2 {
			t.Errorf("got %v, want both", got)
		}
		if took := time.Since(begun); took < 500*time.Millisecond || took > 10*time.Second {
			t.Errorf("they came after %v, want about the lease of 1s", took)
		}
		nothing(t, out, 1500*time.Millisecond)
	})
}

// shortLived returns a queue that claims for a second, and that nobody looks after.
func shortLived(t *testing.T, b Broker, topic string) leasedQueue {
	t.Helper()
	shorten(b, time.Second)
	var q leasedQueue
	switch b := b.(type) {
	case *SQL:
		q = b.openQueue(topic, QueueConfig{Group: "g"})
	case *Redis:
		q = b.openQueue(topic, QueueConfig{Group: "g"})
	}
	t.Cleanup(q.interrupt)
	return q
}

func TestLeasedSlowHandlerKeepsItsMessage(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		const lease = 3 * time.Second // and is extended every second
		one, two := shorten(open(t, Config{}), lease), shorten(open(t, Config{}), lease)
		slow := follow(t, one, topic, QueueConfig{Group: "g"})
		send(t, one, topic, message.NewMessage("1", nil))
		m := await(t, slow)
		idle := follow(t, two, topic, QueueConfig{Group: "g"})
		nothing(t, idle, 2*lease)
		m.Ack()
		nothing(t, idle, 2*lease)
	})
}

func TestLeasedClosingGivesBackAtOnce(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		one, two := open(t, Config{}), open(t, Config{})
		sub := one.Queue(QueueConfig{Group: "g", Concurrency: 10})
		out, err := sub.Subscribe(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			send(t, two, topic, message.NewMessage(fmt.Sprint(i), nil))
		}
		acked := await(t, out)
		acked.Ack()
		await(t, out) // and is not settled
		begun := time.Now()
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		if m, open := <-out; open {
			t.Fatalf("got %s of a closed subscription", m.UUID)
		}
		rest := follow(t, two, topic, QueueConfig{Group: "g", Concurrency: 1})
		got := map[string]int{}
		for range 19 {
			m := await(t, rest)
			got[m.UUID]++
			m.Ack()
		}
		nothing(t, rest, 300*time.Millisecond)
		if took := time.Since(begun); len(got) != 19 || got[acked.UUID] > 0 || took > 10*time.Second {
			t.Errorf("the other got %v in %v, want all but %s", got, took, acked.UUID)
		}
	})
}
