package process_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// world is one order with everybody around it, in memory: the three kinds of
// aggregates, the three processes, the gateway, the customer and the clock. Nothing
// arrives in order but the events of one stream, anything may arrive twice, and a
// process may die between what it does and what it notes.
type world struct {
	t   *rapid.T
	now time.Time

	streams  map[es.Stream][]es.Event
	flight   []es.Command // sent and not carried out yet
	checkout *actor[process.Checkout]
	cashiers map[string]*actor[process.Cashier]
	kitchen  *actor[process.Kitchen]
	bank     *bank
	payments int // how many the customer has begun
	byHand   int // refunds that operators have asked for

	transferred int64 // what operators have given back past the bank, in minor units
	thinking    bool
}

// actor is a process with how far it has seen the streams.
type actor[S es.Folded[S, es.Event]] struct {
	process es.Process[S]
	state   S
	seen    map[es.Stream]int
}

func newActor[S es.Folded[S, es.Event]](p es.Process[S], id string) *actor[S] {
	return &actor[S]{p, p.New(id), map[es.Stream]int{}}
}

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t, now: noon, streams: map[es.Stream][]es.Event{}, cashiers: map[string]*actor[process.Cashier]{},
		bank:     newBank(t),
		thinking: rapid.Bool().Draw(t, "the restaurant answers by hand"),
	}
	w.checkout = newActor(process.NewCheckout(patience), "7")
	w.kitchen = newActor(process.NewKitchen(process.HouseRule{ByHand: w.thinking}), "7")
	w.do(command.CreateOrder{Order: "7", Draft: order.Draft{
		CustomerID: "c", Email: "c@example.com", Cart: cart,
		DeliveryAddress: order.Address{Name: "C", Line1: "Canal 1", PostalCode: "1", City: "A", Country: "NL"},
	}})
	return w
}

// do carries out a command. Rejections are answers too.
func (w *world) do(c es.Command) {
	switch c := c.(type) {
	case command.Decider[order.Order, order.Event]:
		decide(w, "order-7", order.Order{}, c)
	case command.Decider[payment.Payment, payment.Event]:
		decide(w, es.StreamOf("payment", c.Target()), payment.Payment{}, c)
	case command.Decider[ticket.Ticket, ticket.Event]:
		decide(w, "ticket-7", ticket.Ticket{}, c)
	default:
		w.t.Fatalf("nobody carries out %T", c)
	}
}

func decide[S es.Folded[S, E], E es.Event](w *world, stream es.Stream, state S, c command.Decider[S, E]) {
	for _, e := range w.streams[stream] {
		state = state.Evolve(e.(E))
	}
	events, err := c.Decide(state, w.now)
	if no := es.Rejection(nil); err != nil && !errors.As(err, &no) {
		w.t.Fatalf("%s: %v", c.CommandType(), err)
	}
	for _, e := range events {
		w.streams[stream] = append(w.streams[stream], e)
	}
	if _, begun := w.cashiers[stream.ID()]; !begun && len(events) > 0 && stream[:4] == "paym" {
		w.cashiers[stream.ID()] = newActor(process.NewCashier(process.Till{
			Gateway: w.bank, Now: func() time.Time { return w.now }, Backoff: time.Second, MaxBackoff: time.Minute,
		}), stream.ID())
	}
}

// show lets a process see a stream up to the next event that wakes it, if there is one.
func show[S es.Folded[S, es.Event]](w *world, a *actor[S], stream es.Stream) bool {
	unseen := w.streams[stream][a.seen[stream]:]
	wakes := slices.IndexFunc(unseen, func(e es.Event) bool { return slices.Contains(a.process.Events, e.EventType()) })
	for _, e := range unseen[:wakes+1] {
		if !react(w, a, e) {
			break
		}
		a.seen[stream]++
	}
	return wakes >= 0
}

// react lets a process react, and tells whether it lived to note that.
func react[S es.Folded[S, es.Event]](w *world, a *actor[S], e es.Event) bool {
	state := a.state.Evolve(e)
	r, err := a.process.React(context.Background(), state, e)
	if err != nil {
		w.t.Fatalf("react to %T: %v", e, err)
	}
	if !w.bank.healthy && rapid.IntRange(0, 9).Draw(w.t, "dies at 0") == 0 {
		return false
	}
	a.state = es.Fold(state, r.Learned...)
	w.flight = append(w.flight, r.Send...)
	return true
}

// ring fires the timers of a process that are due.
func ring[S es.Folded[S, es.Event]](w *world, a *actor[S]) {
	if a.process.Timers == nil {
		return
	}
	for _, timer := range a.process.Timers(a.state) {
		if !timer.At.After(w.now) && slices.Contains(a.process.Timers(a.state), timer) {
			react(w, a, es.Elapsed{Timer: timer.Name, At: timer.At})
		}
	}
}

// next is when the first timer of a process is due.
func next[S es.Folded[S, es.Event]](a *actor[S], first time.Time) time.Time {
	if a.process.Timers == nil {
		return first
	}
	for _, timer := range a.process.Timers(a.state) {
		if first.IsZero() || timer.At.Before(first) {
			first = timer.At
		}
	}
	return first
}

func (w *world) names() []es.Stream {
	names := []es.Stream{"order-7", "ticket-7"}
	for n := range w.payments {
		names = append(names, paymentStream(n))
	}
	return names
}

func paymentStream(n int) es.Stream { return es.StreamOf("payment", fmt.Sprint("pay-", n)) }

// news lets whoever cares see the next event of a stream.
func (w *world) news(stream es.Stream, who int) bool {
	switch {
	case who == 0:
		return show(w, w.checkout, stream)
	case stream == "ticket-7":
		return show(w, w.kitchen, stream)
	case w.cashiers[stream.ID()] != nil:
		return show(w, w.cashiers[stream.ID()], stream)
	}
	return false
}

// carryOut carries out a command that was sent. It may stay in the flight, to come once
// more: mostly that is known by its id, but whoever retries sends it under another.
func (w *world) carryOut(i int) {
	c := w.flight[i]
	if w.bank.healthy || rapid.IntRange(0, 3).Draw(w.t, "comes again at 0") > 0 {
		w.flight = slices.Delete(w.flight, i, i+1)
	}
	w.do(c)
}

// customer lets the customer do something, which may be refused.
func (w *world) customer() {
	switch rapid.SampledFrom([]string{"submit and pay", "submit", "pay", "pay", "cancel", "answer", "ship"}).Draw(w.t, "the customer") {
	case "submit and pay":
		w.payments++
		w.do(command.SubmitOrder{Order: "7", Payment: paymentStream(w.payments - 1).ID(), Method: "tok"})
	case "submit":
		w.do(command.SubmitOrder{Order: "7"})
	case "pay":
		w.payments++
		w.do(command.PayOrder{Order: "7", Payment: paymentStream(w.payments - 1).ID(), Method: "tok"})
	case "cancel":
		w.do(command.CancelOrder{Order: "7", Reason: "changed my mind"})
	case "answer":
		if rapid.Bool().Draw(w.t, "yes") {
			w.do(command.AcceptTicket{Ticket: "7"})
		} else {
			w.do(command.RejectTicket{Ticket: "7", Reason: "no oven"})
		}
	case "ship":
		w.do(command.ShipOrder{Order: "7"})
	}
}

// settle lets everything happen that is still to happen, with everybody in good health
// after a while.
func (w *world) settle() {
	for i := range 10_000 {
		w.bank.healthy = i > 40
		if w.goOn() {
			continue
		}
		first := next(w.checkout, next(w.kitchen, time.Time{}))
		for _, c := range w.cashiers {
			first = next(c, first)
		}
		if first.IsZero() && w.bank.healthy {
			return
		}
		if first.After(w.now) {
			w.now = first
		}
		w.ringAll()
	}
	w.t.Fatal("something goes on for ever")
}

// goOn carries out what was sent, lets everybody see what is new to them, and tells
// whether there was anything.
func (w *world) goOn() (moved bool) {
	for range len(w.flight) {
		w.carryOut(0)
		moved = true
	}
	for _, stream := range w.names() {
		for who := range 2 {
			moved = w.news(stream, who) || moved
		}
	}
	return moved
}

func (w *world) ringAll() {
	ring(w, w.checkout)
	ring(w, w.kitchen)
	for n := range w.payments {
		if c := w.cashiers[paymentStream(n).ID()]; c != nil {
			ring(w, c)
		}
	}
}

// Whatever the customer does, whatever gets lost, comes late or in another order, and
// whoever dies: the order ends, and the bank has what it costs if it is made and
// nothing if it is not.
func TestEveryStoryEndsWithTheMoneyWhereItBelongs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 60).Draw(t, "turns") {
			switch rapid.IntRange(0, 13).Draw(t, "turn") {
			case 0, 1:
				w.customer()
			case 2, 3, 4:
				if n := len(w.flight); n > 0 {
					w.carryOut(rapid.IntRange(0, n-1).Draw(t, "which command"))
				}
			case 5, 6, 7, 8:
				names := w.names()
				w.news(names[rapid.IntRange(0, len(names)-1).Draw(t, "which stream")], rapid.IntRange(0, 1).Draw(t, "who"))
			case 9:
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "minutes")) * time.Minute)
				w.ringAll()
			case 10, 11:
				w.operator()
			case 12, 13:
				for range 8 {
					w.goOn()
				}
			}
		}
		w.settle()
		for w.checkout.process.Standing(w.checkout.state).Trouble != "" { // which an operator sees
			w.help()
			w.settle()
		}
		if w.status() == order.StatusApproved {
			w.do(command.ShipOrder{Order: "7"})
		}
		if w.status() == order.StatusShipped {
			w.do(command.CompleteOrder{Order: "7"})
		}
		w.settle()
		w.check()
	})
}

// status is where the order is, as its events say.
func (w *world) status() (s order.Status) {
	for _, e := range w.streams["order-7"] {
		switch e.(type) {
		case order.Created:
			s = order.StatusDraft
		case order.Submitted:
			s = order.StatusSubmitted
		case order.Approved:
			s = order.StatusApproved
		case order.Rejected:
			s = order.StatusRejected
		case order.Canceled:
			s = order.StatusCanceled
		case order.Shipped:
			s = order.StatusShipped
		case order.Completed:
			s = order.StatusCompleted
		}
	}
	return s
}

func (w *world) check() {
	kept := w.bank.kept() - w.transferred
	switch s := w.status(); s {
	case order.StatusCompleted:
		if want := ten.Amount - w.givenByHand(); kept != want {
			w.t.Errorf("the order was delivered and the bank keeps %d, want %d", kept, want)
		}
	case order.StatusDraft, order.StatusCanceled, order.StatusRejected:
		if kept != 0 {
			w.t.Errorf("the order is %s and the bank keeps %d", s, kept)
		}
	default:
		w.t.Errorf("the order ends as %s", s)
	}
	if s := w.checkout.process.Standing(w.checkout.state); !s.Done {
		w.t.Errorf("the checkout is %+v", s)
	}
	for id, c := range w.cashiers {
		if s := c.process.Standing(c.state); !s.Done {
			w.t.Errorf("the cashier of %s is %+v", id, s)
		}
	}
	if s := w.kitchen.process.Standing(w.kitchen.state); !s.Done {
		w.t.Errorf("the kitchen is %+v", s)
	}
	last := map[string]string{}
	for _, e := range w.streams["order-7"] {
		switch e := e.(type) {
		case order.Paid:
			last[e.PaymentID] = "paid"
		case order.Refunded:
			last[e.PaymentID] = "refunded"
		}
	}
	for id, is := range last {
		if want := map[bool]string{true: "paid", false: "refunded"}[w.status() == order.StatusCompleted]; is != want {
			w.t.Errorf("the order says that payment %s is %s, want %s", id, is, want)
		}
	}
}
