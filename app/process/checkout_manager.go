package process

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// Patience is how long a checkout waits for others.
type Patience struct {
	Payment    time.Duration // for the answer to a payment
	Restaurant time.Duration // for the answer to a ticket
	Customer   time.Duration // for a customer to pay what was submitted, or to submit what was paid
}

// The timers of a checkout. There is one for each payment that has no answer.
const (
	customerTimer   = "customer"
	restaurantTimer = "restaurant"
)

func paymentTimer(id payment.ID) string { return "payment " + string(id) }

// NewCheckout returns the process that brings orders from the customer's wish to the
// restaurant's promise, or gives the money back.
func NewCheckout(patience Patience) es.Process[Checkout] {
	return es.Process[Checkout]{
		Name: CheckoutName,
		Events: types(
			order.Submitted{}, order.PaymentRequested{}, order.Paid{}, order.PaymentFailed{}, order.Approved{},
			order.Rejected{}, order.Canceled{}, order.Refunded{}, order.Shipped{},
			payment.Debited{}, payment.Declined{}, payment.CalledOff{}, payment.RefundRequested{}, payment.Refunded{}, payment.RefundRefused{},
			ticket.Opened{}, ticket.Accepted{}, ticket.Rejected{}, ticket.Withdrawn{},
		),
		New:     func(id string) Checkout { return Checkout{Order: order.ID(id)} },
		Subject: subject,
		React: func(_ context.Context, c Checkout, e es.Event) (es.Reaction, error) {
			return c.react(e), nil
		},
		Timers:   func(c Checkout) []es.Timer { return c.timers(patience) },
		Streams:  Checkout.streams,
		Standing: func(c Checkout) es.Standing { return c.standing(patience) },
	}
}

// Subject tells by the name of a process manager which of its processes an event of a
// stream belongs to.
func Subject(manager string, s es.Stream, e es.Event) string {
	if manager == CheckoutName {
		return subject(s, e)
	}
	return s.ID()
}

// subject is the order that an event is about.
func subject(s es.Stream, e es.Event) string {
	if e, ok := e.(interface{ Order() string }); ok {
		return e.Order()
	}
	return s.ID()
}

// react takes the steps that have become due; all of them if somebody retries.
func (c Checkout) react(e es.Event) (r es.Reaction) {
	_, again := e.(es.Retried)
	for _, s := range c.due() {
		if again || !c.asked(s.name) {
			r.Send = append(r.Send, s.command)
		}
		if !c.asked(s.name) {
			r.Learned = append(r.Learned, stepTaken{s.name})
		}
	}
	return r
}

func (c Checkout) asked(step string) bool { return slices.Contains(c.Asked, step) }

// timers are the moments at which the checkout stops waiting for an answer.
func (c Checkout) timers(patience Patience) (timers []es.Timer) {
	for _, a := range c.Payments {
		if !a.Debited && a.Declined == "" && a.Recorded == "" && !a.Overdue && !c.CalledOff {
			timers = append(timers, es.Timer{Name: paymentTimer(a.ID), At: a.RequestedAt.Add(patience.Payment)})
		}
	}
	if c.wantsTicket() && !c.Ticket.Overdue && (c.Ticket.Status == "" || c.Ticket.Status == ticket.StatusOpen) {
		timers = append(timers, es.Timer{Name: restaurantTimer, At: c.lastMove().Add(patience.Restaurant)})
	}
	if c.customersTurn() {
		timers = append(timers, es.Timer{Name: customerTimer, At: c.lastMove().Add(patience.Customer)})
	}
	return timers
}

// streams are those of the order, of its payments and of its ticket.
func (c Checkout) streams() []es.Stream {
	streams := []es.Stream{es.StreamOf(command.Category, string(c.Order)), es.StreamOf(ticket.Category, string(c.Order))}
	for _, a := range c.Payments {
		streams = append(streams, es.StreamOf(payment.Category, string(a.ID)))
	}
	return streams
}

// customersTurn tells whether the order waits for its customer: to be paid once it was
// submitted, or to be submitted once it was paid.
func (c Checkout) customersTurn() bool {
	if c.CalledOff || c.Abandoned || c.Approved {
		return false
	}
	submitted, pending := !c.SubmittedAt.IsZero(), false
	if n := len(c.Payments); n > 0 {
		pending = c.Payments[n-1].Recorded == ""
	}
	return !pending && submitted != c.paid()
}

// lastMove is when the order was last submitted or heard of a payment.
func (c Checkout) lastMove() time.Time {
	last := c.SubmittedAt
	for _, a := range c.Payments {
		if a.RecordedAt.After(last) {
			last = a.RecordedAt
		}
	}
	return last
}

func (c Checkout) standing(patience Patience) es.Standing {
	var waits, trouble []string
	for _, s := range c.due() {
		waits = append(waits, s.name)
	}
	for _, t := range c.timers(patience) {
		if waiting := "answer of " + t.Name; t.Name == customerTimer {
			waits = append(waits, "the customer")
		} else {
			waits = append(waits, waiting)
		}
	}
	for _, a := range c.Payments {
		if c.unwanted(a) && len(a.Asking) > 0 {
			waits = append(waits, "answer of refund of payment "+string(a.ID))
		}
		if a.Refused != "" && a.kept() > 0 {
			trouble = append(trouble, "the refund of payment "+string(a.ID)+" was refused: "+a.Refused)
		}
	}
	return es.Standing{
		Done: len(waits)+len(trouble) == 0, Waits: strings.Join(waits, ", "), Trouble: strings.Join(trouble, "; "),
	}
}
