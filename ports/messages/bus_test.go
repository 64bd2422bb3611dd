package messages

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
)

// wire is a message.Publisher that takes a second for each message, of a bubble's
// time, and writes down what it is given.
type wire struct {
	refuse map[string]bool // ids of messages that it does not take

	mu     sync.Mutex
	topics []string
	sent   map[string][]string // ids by stream
}

// Publish implements message.Publisher.
func (w *wire) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		select {
		case <-time.After(time.Second):
		case <-m.Context().Done():
			return m.Context().Err()
		}
		w.mu.Lock()
		stream := m.Metadata.Get("ce_stream")
		w.topics = append(w.topics, topic)
		w.sent[stream] = append(w.sent[stream], m.UUID)
		w.mu.Unlock()
		if w.refuse[m.UUID] {
			return errBroken
		}
	}
	return nil
}

// Close implements message.Publisher.
func (w *wire) Close() error { return nil }

// newBus returns a bus that publishes commands and events by a wire each.
func newBus(t *testing.T) (b *Bus, commands, events *wire) {
	t.Helper()
	commands, events = &wire{sent: map[string][]string{}}, &wire{sent: map[string][]string{}}
	b, err := NewBus(BusConfig{Commands: commands, Events: events, Log: watermill.NopLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	return b, commands, events
}

// three are the records of three streams, three of each, as an outbox mixes them.
func three() []es.Record {
	var all []es.Record
	for v := range es.Version(3) {
		for _, stream := range []string{"a", "b", "c"} {
			all = append(all, es.Record{
				ID: stream + string(rune('1'+v)), Stream: es.StreamOf("order", stream), Version: v + 1,
				Type: "order.tested", Schema: 1, OccurredAt: noon,
			})
		}
	}
	return all
}

func TestBusSendsCommandsToTheTopicOfTheirType(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, commands, events := newBus(t)
		if err := b.Send(t.Context(), envelope("c-1")); err != nil {
			t.Fatal(err)
		}
		if want := []string{"millrace.commands.order.test"}; !slices.Equal(commands.topics, want) || len(events.topics) > 0 {
			t.Errorf("published to %v as commands and %v as events, want %v and none", commands.topics, events.topics, want)
		}
	})
}

func TestBusPublishesStreamsSideBySideAndEachInItsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, commands, events := newBus(t)
		began := time.Now()
		if err := b.Publish(t.Context(), three()); err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{
			"order-a": {"a1", "a2", "a3"}, "order-b": {"b1", "b2", "b3"}, "order-c": {"c1", "c2", "c3"},
		}
		if !reflect.DeepEqual(events.sent, want) || len(commands.topics) > 0 {
			t.Errorf("published %v, and %v as commands, want %v and none", events.sent, commands.sent, want)
		}
		if topics := slices.Compact(events.topics); !slices.Equal(topics, []string{EventsTopic}) {
			t.Errorf("published to %v, want %s", topics, EventsTopic)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %s, want 3s: as long as one stream", took)
		}
	})
}

func TestBusStopsAStreamWhereItBreaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _, events := newBus(t)
		events.refuse = map[string]bool{"b2": true}
		err := b.Publish(t.Context(), three())
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "order-b version 2") {
			t.Errorf("the error is %v, want it to name order-b version 2", err)
		}
		want := map[string][]string{"order-a": {"a1", "a2", "a3"}, "order-b": {"b1", "b2"}, "order-c": {"c1", "c2", "c3"}}
		if !reflect.DeepEqual(events.sent, want) {
			t.Errorf("published %v, want %v", events.sent, want)
		}
	})
}

func TestBusSaysWhatThePublisherSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, commands, _ := newBus(t)
		commands.refuse = map[string]bool{"c-1": true}
		if err := b.Send(t.Context(), envelope("c-1")); !errors.Is(err, errBroken) {
			t.Errorf("Send returned %v, want %v", err, errBroken)
		}
		if err := b.Publish(t.Context(), nil); err != nil {
			t.Errorf("publishing nothing returned %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := b.Send(ctx, envelope("c-2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send returned %v, want the context's error", err)
		}
		if err := b.Publish(ctx, three()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Publish returned %v, want the context's error", err)
		}
	})
}
