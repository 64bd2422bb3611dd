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
	"go.uber.org/goleak"
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

func TestRabbitMQRemoveTakesOneMessageOutOfItsQueue(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{})
		rabbitQueue(t, r, "topic", QueueConfig{Group: "g"})
		rabbitPublish(t, r, "topic", typed("1", "t"), typed("2", "t"), typed("3", "t"))
		for _, want := range []bool{true, false} {
			if removed, err := r.Remove(t.Context(), "topic.g", "2"); removed != want || err != nil {
				t.Errorf("remove returned %v and %v, want %v", removed, err, want)
			}
		}
		out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g"})
		for _, id := range []string{"1", "3"} {
			msg := rabbitReceive(t, out)
			if msg.UUID != id {
				t.Errorf("got message %s, want %s", msg.UUID, id)
			}
			msg.Ack()
		}
		if _, err := r.Remove(t.Context(), "no such queue", "2"); err == nil {
			t.Error("remove from a queue that is not there is no error")
		}
	})
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

func TestRabbitMQReadsMessagesOfOthers(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		r := openRabbit(t, host.address, RabbitMQConfig{})
		out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g"})
		_, channel := host.dial(t)
		headers := amqp.Table{"text": "a", "number": int32(7), "yes": true, "bytes": []byte("b"),
			"at": time.Unix(0, 0), "list": []any{"x"}, "table": amqp.Table{"x": "y"}, "nil": nil}
		if err := channel.Publish("topic", "", true, false, amqp.Publishing{Headers: headers, Body: []byte("body")}); err != nil {
			t.Fatal(err)
		}
		msg := rabbitReceive(t, out)
		want := "map[at:1970-01-01T00:00:00Z bytes:b number:7 text:a yes:true]"
		if got := fmt.Sprint(msg.Metadata); got != want || string(msg.Payload) != "body" {
			t.Errorf("got %s with %s, want %s", msg.Payload, got, want)
		}
		msg.Ack()

		long := strings.Repeat("x", 300)
		odd := message.NewMessage(long, nil)
		odd.Metadata.Set("correlation_id", long)
		rabbitPublish(t, r, "topic", odd)
		if msg := rabbitReceive(t, out); msg.UUID != long || msg.Metadata.Get("correlation_id") != long || len(msg.Metadata) != 1 {
			t.Errorf("got message %s with %v", msg.UUID, msg.Metadata)
		} else {
			msg.Ack()
		}
		odd.Metadata.Set(long, "a name that AMQP does not take")
		for _, bad := range []*message.Message{odd, typed("1", long)} {
			if err := r.Publish("topic", bad); err == nil || errors.Is(err, errRabbitUnknown) {
				t.Errorf("publish of a name that is too long returned %v", err)
			}
		}
	})
}

func TestRabbitMQGivesUpOnAServerThatDoesNotAnswer(t *testing.T) {
	onRabbits(t, func(t *testing.T, host *rabbitHost) {
		proxy := newRabbitProxy(t, host.address)
		r := openRabbit(t, proxy.address, RabbitMQConfig{ConfirmTimeout: 300 * time.Millisecond})
		rabbitQueue(t, openRabbit(t, host.address, RabbitMQConfig{}), "topic", QueueConfig{Group: "g"})
		rabbitPublish(t, r, "topic", typed("1", "t"))

		proxy.freeze()
		hasty := typed("2", "t")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		hasty.SetContext(ctx)
		if err := r.Publish("topic", hasty); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errRabbitUnknown) {
			t.Errorf("publish returned %v, want that its context is done", err)
		}
		if seen := proxy.connections(); seen != 1 {
			t.Errorf("a context of a message has cost the connection: there are %d", seen)
		}
		began := time.Now()
		if err := r.Publish("topic", typed("3", "t")); !errors.Is(err, errRabbitUnknown) {
			t.Errorf("publish returned %v, want that it is not confirmed", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("publish gave up after %v, want 300ms", took)
		}
		proxy.thaw()
		rabbitPublishSoon(t, r, "topic", typed("4", "t"))
		if seen := proxy.connections(); seen < 2 {
			t.Error("the connection that did not answer is still in use")
		}
	})
}

// Not parallel: goleak looks at every goroutine there is.
func TestRabbitMQCloseLeavesNoGoroutine(t *testing.T) {
	for _, server := range rabbitServers {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprint(server, " away ", away), func(t *testing.T) {
				host := newRabbitHost(t, server)
				proxy := newRabbitProxy(t, host.address)
				running := goleak.IgnoreCurrent()
				r := openRabbit(t, proxy.address, RabbitMQConfig{})
				out := rabbitSubscribe(t, r, "topic", QueueConfig{Group: "g", Concurrency: 4})
				for i := range 8 {
					rabbitPublish(t, r, "topic", typed(fmt.Sprint(i), "t"))
				}
				rabbitReceive(t, out).Ack()
				rabbitReceive(t, out).Nack()
				rabbitReceive(t, out)
				if away {
					proxy.down()
				}
				for range 2 {
					if err := r.Close(); err != nil {
						t.Error(err)
					}
				}
				if err := r.Publish("topic", typed("1", "t")); !errors.Is(err, ErrClosed) {
					t.Errorf("publish returned %v, want ErrClosed", err)
				}
				proxy.down() // its goroutines end with its connections
				goleak.VerifyNone(t, running)
			})
		}
	}
}

func TestOpenKnowsRabbitMQAndKeepsItsPassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"amqp://u:secret@host:notaport/", "amqps:// u:secret@host"} {
		if b, err := Open(t.Context(), address, Config{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("open %s returned %v and %v", address, b, err)
		}
	}
	b, err := Open(t.Context(), "amqp://guest:guest@127.0.0.1:1/", Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.Ping(ctx); !errors.Is(err, errRabbitAway) {
		t.Errorf("ping returned %v, want that the broker is away", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
