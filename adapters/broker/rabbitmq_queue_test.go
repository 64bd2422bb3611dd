package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

func TestRabbitMQOperatorReadsNamesAndHeaders(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{Config: Config{Client: "millrace 7"}})
		for _, q := range []struct {
			topic string
			QueueConfig
		}{
			{"millrace.events", QueueConfig{Group: "millrace.events.order-views", Types: []string{"order.created", "order.paid"}, Lossy: true}},
			{"millrace.events", QueueConfig{Group: "audit"}},
			{"millrace.commands.order.submit", QueueConfig{Group: "millrace.commands.order.submit"}},
			{"millrace.dead-letters.order-views", QueueConfig{}},
			{"other", QueueConfig{Group: "g"}},
		} {
			rabbitQueue(t, r, q.topic, q.QueueConfig)
		}
		want := []string{
			"millrace.commands order.submit millrace.commands.order.submit",
			"millrace.dead-letters order-views millrace.dead-letters.order-views",
			"millrace.events # millrace.events.audit",
			"millrace.events order.created millrace.events.order-views",
			"millrace.events order.paid millrace.events.order-views",
			"other # other.g",
		}
		if got := host.bindings(t); !slices.Equal(got, want) {
			t.Errorf("bindings are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		var queues []struct {
			Name, Type string
			Durable    bool
			Arguments  map[string]any
		}
		host.manage(t, "GET", "queues/"+host.name, nil, &queues)
		for _, q := range queues {
			_, bounded := q.Arguments[amqp.QueueMaxLenArg]
			if q.Type != "quorum" || !q.Durable || bounded != (q.Name == "millrace.events.order-views") {
				t.Errorf("queue %s: type %s, durable %v, arguments %v", q.Name, q.Type, q.Durable, q.Arguments)
			}
		}
		if len(queues) != 5 {
			t.Errorf("there are %d queues, want 5", len(queues))
		}

		msg := typed("id-1", "order.submit")
		msg.Metadata.Set("correlation_id", "c-1")
		rabbitPublish(t, r, "millrace.commands.order.submit", msg)
		want = []string{
			"app_id=millrace 7", "content_type=application/json", "correlation_id=c-1", "delivery_mode=2",
			"message_id=id-1", "type=order.submit", "headers=map[ce_type:order.submit correlation_id:c-1",
		}
		peeked := host.peek(t, "millrace.commands.order.submit")
		for _, property := range want {
			if !strings.Contains(peeked, property) {
				t.Errorf("an operator reads %s, want %s in it", peeked, property)
			}
		}
	})
}

// bindings returns exchange, key and queue of each, but for those that every queue
// has by itself.
func (h *rabbitHost) bindings(tb testing.TB) []string {
	tb.Helper()
	var bindings []struct {
		Source      string
		Key         string `json:"routing_key"`
		Destination string
	}
	h.manage(tb, "GET", "bindings/"+h.name, nil, &bindings)
	var all []string
	for _, b := range bindings {
		if b.Source != "" {
			all = append(all, b.Source+" "+b.Key+" "+b.Destination)
		}
	}
	slices.Sort(all)
	return all
}

// peek returns the properties and the payload of the first message of a queue.
func (h *rabbitHost) peek(tb testing.TB, queue string) string {
	tb.Helper()
	var messages []struct {
		Payload    string
		Properties map[string]any
	}
	how := map[string]any{"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
	h.manage(tb, "POST", "queues/"+h.name+"/"+queue+"/get", how, &messages)
	if len(messages) != 1 {
		tb.Fatalf("there are %d messages in %s, want one", len(messages), queue)
	}
	var all []string
	for name, value := range messages[0].Properties {
		all = append(all, fmt.Sprintf("%s=%v", name, value))
	}
	slices.Sort(all)
	return strings.Join(append(all, messages[0].Payload), " ")
}

func TestRabbitMQHandsOutMessagesOfAKeyOneAtATimeAndInOrder(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{})
		out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g", Concurrency: 16})
		var batch []*message.Message
		for i := range 100 {
			batch = append(batch, keyed(fmt.Sprint(i%5), fmt.Sprint(i)))
		}
		rabbitPublish(t, r, "topic", batch...)
		next, atWork := make(map[string]int), make(map[string]*message.Message)
		var inTurn []*message.Message
		for range 100 {
			if len(inTurn) == 5 { // let the one go that is at work for the longest
				delete(atWork, inTurn[0].Metadata.Get(KeyHeader))
				inTurn[0].Ack()
				inTurn = inTurn[1:]
			}
			msg := rabbitReceive(t, out)
			key := msg.Metadata.Get(KeyHeader)
			if atWork[key] != nil {
				t.Fatalf("got message %s while %s is in flight", msg.UUID, atWork[key].UUID)
			}
			if want := fmt.Sprint(next[key]*5 + int(key[0]-'0')); msg.UUID != want {
				t.Fatalf("got message %s, want %s", msg.UUID, want)
			}
			next[key]++
			atWork[key] = msg
			inTurn = append(inTurn, msg)
		}
	})
}

func TestRabbitMQGivesBackWhatNobodyHasAnsweredAtTheEnd(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{Config: Config{Redelivery: time.Hour, MaxRedelivery: time.Hour}})
		queue := QueueConfig{Group: "g", Concurrency: 4}
		sub := r.Queue(queue)
		out, err := sub.Subscribe(t.Context(), "topic")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			rabbitPublish(t, r, "topic", typed(fmt.Sprint(i), "t"))
		}
		answered, nacked, ignored := rabbitReceive(t, out), rabbitReceive(t, out), rabbitReceive(t, out)
		answered.Ack()
		nacked.Nack() // it rests
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		<-ignored.Context().Done()
		if _, open := <-out; open {
			t.Error("the subscription goes on after close")
		}
		if _, err := sub.Subscribe(t.Context(), "topic"); !errors.Is(err, ErrClosed) {
			t.Errorf("subscribe returned %v, want ErrClosed", err)
		}
		host.wantDepth(t, "topic.g", 3)

		ctx, cancel := context.WithCancel(t.Context())
		out, err = r.Queue(queue).Subscribe(ctx, "topic")
		if err != nil {
			t.Fatal(err)
		}
		left := make(map[string]bool)
		for range 3 {
			msg := rabbitReceive(t, out)
			left[msg.UUID] = true
			msg.Ack()
		}
		if len(left) != 3 || left[answered.UUID] {
			t.Errorf("got messages %v, want those that were not acked", left)
		}
		cancel()
		if _, open := <-out; open {
			t.Error("the subscription goes on after its context")
		}
		host.wantDepth(t, "topic.g", 0)
	})
}

func TestRabbitMQPassesOverWhatAnOldBindingBrings(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{})
		rabbitQueue(t, r, "topic", QueueConfig{Group: "g", Types: []string{"old", "kept"}})
		out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g", Types: []string{"kept", "new"}})
		rabbitPublish(t, r, "topic", typed("1", "old"), typed("2", "kept"), typed("3", "new"))
		for _, id := range []string{"2", "3"} {
			msg := rabbitReceive(t, out)
			if msg.UUID != id {
				t.Errorf("got message %s, want %s", msg.UUID, id)
			}
			msg.Ack()
		}
		host.wantDepth(t, "topic.g", 0)
	})
}
