package order_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// life follows one order through any sequence of commands and keeps its own
// books about it, from the events alone.
type life struct {
	codec   *es.Codec[order.Event]
	order   order.Order
	history []order.Event
	total   order.Money
	open    string // the payment that is under way
	taken   map[string]order.Money
	back    map[string]order.Money
	ended   string // the event that ended the order
}

func TestNoSequenceOfCommandsBreaksAnOrder(t *testing.T) {
	t.Parallel()
	payments := rapid.SampledFrom([]string{"pay-1", "pay-2", "pay-3"})
	carts := rapid.SampledFrom([]order.Cart{onePizza, twoPizzas})
	command := func(t *rapid.T) (string, decision) {
		payment := payments.Draw(t, "payment")
		name := rapid.SampledFrom([]string{
			"update cart", "change address", "pay", "submit", "submit and pay", "confirm payment", "decline payment",
			"approve", "reject", "ship", "complete", "cancel", "refund", "create",
		}).Draw(t, "command")
		return name, map[string]decision{
			"create": create(draft), "update cart": updateCart(carts.Draw(t, "cart")), "change address": changeAddress(work),
			"pay": pay(payment, "tok_ok"), "submit": submit("", ""), "submit and pay": submit(payment, "tok_ok"),
			"confirm payment": confirm(payment), "decline payment": decline(payment, "no funds"),
			"approve": approve(), "reject": reject("no oven"), "ship": ship("", ""), "complete": complete(noon),
			"cancel": cancel("not hungry"), "refund": refund(payment),
		}[name]
	}
	codec := kit().Codec(t)
	rapid.Check(t, func(t *rapid.T) {
		l := &life{codec: codec, taken: map[string]order.Money{}, back: map[string]order.Money{}}
		// Most lives begin with an order, or they would stay empty for long.
		if rapid.IntRange(0, 9).Draw(t, "unborn") > 0 {
			l.do(t, "create", create(draft))
		}
		t.Repeat(map[string]func(*rapid.T){
			"command": func(t *rapid.T) {
				name, decide := command(t)
				l.do(t, name, decide)
			},
			"": l.check,
		})
	})
}

func (l *life) do(t *rapid.T, name string, decide decision) {
	events, err := decide(l.order)
	if err == nil && len(events) == 0 {
		t.Fatalf("%s decided nothing and said nothing", name)
	}
	if err != nil && len(events) > 0 {
		t.Fatalf("%s was refused with %v and still decided %v", name, err, events)
	}
	for _, e := range events {
		if broken := l.book(e); broken != "" {
			t.Fatalf("%s: %s after %v", name, broken, types(l.history))
		}
		l.history = append(l.history, e)
	}
	l.order = es.Fold(l.order, events...)
}

// book enters an event and says what is wrong with it.
func (l *life) book(e order.Event) string {
	if len(l.history) == 0 != (e.EventType() == "order.created") {
		return e.EventType() + " at the wrong end of a life"
	}
	if l.ended != "" {
		switch e.(type) {
		case order.Paid, order.PaymentFailed, order.Refunded:
		default:
			return e.EventType() + " after the end with " + l.ended
		}
	}
	switch e := e.(type) {
	case order.Created:
		l.total = e.Total
	case order.CartUpdated:
		if l.open != "" || len(l.taken) > 0 {
			return "the cart changed under the payment"
		}
		l.total = e.Total
	case order.PaymentRequested:
		if l.open != "" || len(l.taken) > 0 {
			return "payment requested twice"
		}
		l.open = e.PaymentID
		return same(e.Amount, l.total)
	case order.Paid:
		if l.open != e.PaymentID || len(l.taken) > 0 {
			return "paid twice, or for nothing"
		}
		l.open, l.taken[e.PaymentID] = "", e.Amount
		return same(e.Amount, l.total)
	case order.PaymentFailed:
		if l.open != e.PaymentID {
			return "a payment failed that nobody asked for"
		}
		l.open = ""
	case order.Refunded:
		if l.ended == "" || l.ended == "order.completed" {
			return "refunded while the order goes on"
		}
		if _, again := l.back[e.PaymentID]; again || l.taken[e.PaymentID] == (order.Money{}) {
			return "refunded twice, or what was never taken"
		}
		l.back[e.PaymentID] = e.Amount
		return same(e.Amount, l.taken[e.PaymentID])
	case order.Approved, order.Rejected:
		if len(l.taken) != 1 {
			return "judged without being paid"
		}
		if e, ok := e.(order.Rejected); ok {
			l.ended = e.EventType()
		}
	case order.Completed, order.Canceled:
		l.ended = e.EventType()
	}
	return ""
}

func same(got, want order.Money) string {
	if got != want {
		return fmt.Sprintf("%v moved, want %v", got, want)
	}
	return ""
}

// check wants the state to be nothing but the fold of its history, as it is
// stored.
func (l *life) check(t *rapid.T) {
	var stored []order.Event
	for _, e := range l.history {
		name, schema, data, err := l.codec.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if e, err = l.codec.Decode(name, schema, data); err != nil {
			t.Fatal(err)
		}
		stored = append(stored, e)
	}
	if again := es.Fold(order.Order{}, stored...); again != l.order {
		t.Fatalf("folding %v from scratch gives %+v, want %+v", types(l.history), again, l.order)
	}
}
