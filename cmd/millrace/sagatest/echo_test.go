package sagatest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// echo hears every message on a broker and can say it again.
type echo struct {
	channel *amqp.Channel

	mu     sync.Mutex
	wants  []wish
	heard  []amqp.Delivery   // everything but what it has said itself
	orders map[string]string // by payment
	broken error
}

// wish is for the messages of some types about an order to come twice.
type wish struct {
	order string
	types []string
	count map[string]int
}

// exchanges are where the service publishes.
var exchanges = []string{"millrace.events", "millrace.commands"}

// echoed marks what the echo has said.
const echoed = "x-echo"

// newEcho listens until the test is over. The service has to run, as it makes the
// exchanges.
func newEcho(t *testing.T, broker string) *echo {
	t.Helper()
	connection, err := amqp.Dial(broker)
	if err != nil {
		t.Fatal(err)
	}
	channel, err := connection.Channel()
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{channel: channel, orders: map[string]string{}}
	queue, err := channel.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, exchange := range exchanges {
		if err := channel.QueueBind(queue.Name, "#", exchange, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	messages, err := channel.Consume(queue.Name, "", true, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m := range messages {
			e.hear(m)
		}
	}()
	t.Cleanup(func() {
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
		<-done
		if e.broken != nil {
			t.Errorf("the echo: %v", e.broken)
		}
	})
	return e
}

func typeOf(m amqp.Delivery) string { return fmt.Sprint(m.Headers["ce_type"]) }

// hear keeps a message, and says it again if somebody wishes so.
func (e *echo) hear(m amqp.Delivery) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.Headers[echoed] != nil {
		return
	}
	e.heard = append(e.heard, m)
	order := e.orderOf(m)
	for _, w := range e.wants {
		if w.order == order && slices.Contains(w.types, typeOf(m)) {
			w.count[typeOf(m)]++
			e.say(m)
		}
	}
}

// orderOf returns which order a message is about, which for commands to payments is
// known from the first of them.
func (e *echo) orderOf(m amqp.Delivery) string {
	subject := fmt.Sprint(m.Headers["ce_subject"])
	_, after, found := strings.Cut(string(m.Body), `"order_id":"`)
	if !strings.HasPrefix(typeOf(m), "payment.") {
		return subject
	}
	if order, _, _ := strings.Cut(after, `"`); found {
		e.orders[subject] = order
	}
	return e.orders[subject]
}

func (e *echo) say(m amqp.Delivery) {
	p := amqp.Publishing{
		Headers: maps.Clone(m.Headers), ContentType: m.ContentType, DeliveryMode: m.DeliveryMode,
		MessageId: m.MessageId, Timestamp: m.Timestamp, Type: m.Type, Body: m.Body,
	}
	p.Headers[echoed] = true
	if err := e.channel.PublishWithContext(context.Background(), m.Exchange, m.RoutingKey, false, false, p); err != nil {
		e.broken = fmt.Errorf("say %s again: %w", typeOf(m), err)
	}
}

// twice lets the messages of some types about an order come twice from now on. It
// returns how many have.
func (e *echo) twice(order string, types ...string) (counts func() map[string]int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := wish{order, types, map[string]int{}}
	e.wants = append(e.wants, w)
	return func() map[string]int {
		e.mu.Lock()
		defer e.mu.Unlock()
		return maps.Clone(w.count)
	}
}

// everything says everything again that it has heard so far.
func (e *echo) everything() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.heard {
		e.say(m)
	}
	return len(e.heard)
}
