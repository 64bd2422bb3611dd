package process

import (
	"slices"
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// Checkout is how far an order has got between its customer, the payments and the
// restaurant. It holds facts; what follows from them is in due.
type Checkout struct {
	Order       order.ID      `json:"order_id"`
	Items       []ticket.Item `json:"items,omitempty"`
	SubmittedAt time.Time     `json:"submitted_at,omitzero"`
	Approved    bool          `json:"approved,omitempty"`
	Shipped     bool          `json:"shipped,omitempty"`
	CalledOff   bool          `json:"called_off,omitempty"` // the order was canceled or rejected
	Abandoned   bool          `json:"abandoned,omitempty"`  // the customer has let the time pass
	Payments    []Attempt     `json:"payments,omitempty"`   // oldest first; the last one counts
	Ticket      Slip          `json:"ticket,omitzero"`
	Asked       []string      `json:"asked,omitempty"` // the steps that were taken once, see due
}

// Attempt is one payment for the order: what the order says of it and what the
// participant says.
type Attempt struct {
	ID          payment.ID  `json:"payment_id"`
	Method      string      `json:"payment_method"`
	Amount      money.Money `json:"amount"`
	RequestedAt time.Time   `json:"requested_at"`
	Debited     bool        `json:"debited,omitempty"`
	Declined    string      `json:"declined,omitempty"` // why, if it was
	Overdue     bool        `json:"overdue,omitempty"`  // the answer did not come in time

	Recorded   order.PaymentStatus `json:"recorded,omitempty"` // what the order has been told; empty for nothing
	RecordedAt time.Time           `json:"recorded_at,omitzero"`

	// Refunds, whoever has asked for them.
	Returned int64    `json:"returned,omitempty"` // minor units that were given back
	Asking   []Asking `json:"asking,omitempty"`   // those without an answer
	Answers  int      `json:"answers,omitempty"`  // how many have one
	Refused  string   `json:"refused,omitempty"`  // why the checkout's last one was refused, until somebody retries
}

// Asking is a refund that the gateway has not answered yet.
type Asking struct {
	ID     string `json:"refund_id"`
	Amount int64  `json:"amount"` // in minor units
}

// Slip is what the restaurant says of the order.
type Slip struct {
	Status  ticket.Status `json:"status,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Overdue bool          `json:"overdue,omitempty"` // the answer did not come in time
}

// stepTaken says that the checkout has sent a command.
type stepTaken struct{ step string }

// EventType implements es.Event.
func (stepTaken) EventType() string { return "checkout.step_taken" }

// Evolve returns the process after an event.
func (c Checkout) Evolve(e es.Event) Checkout {
	switch e := e.(type) {
	case order.Event:
		return c.evolveOrder(e)
	case payment.Event:
		return c.evolvePayment(e)
	case ticket.Opened:
		c.Ticket.Status = ticket.StatusOpen
	case ticket.Accepted:
		c.Ticket.Status = ticket.StatusAccepted
	case ticket.Rejected:
		c.Ticket.Status, c.Ticket.Reason = ticket.StatusRejected, e.Reason
	case ticket.Withdrawn:
		c.Ticket.Status = ticket.StatusWithdrawn
	case stepTaken:
		c.Asked = append(slices.Clip(c.Asked), e.step)
	case es.Elapsed:
		return c.evolveTimer(e.Timer)
	case es.Retried:
		return c.everyAttempt(func(a *Attempt) {
			a.Refused = ""
		})
	}
	return c
}

func (c Checkout) evolveOrder(e order.Event) Checkout {
	switch e := e.(type) {
	case order.Created:
		c.Items = items(e.Cart)
	case order.CartUpdated:
		c.Items = items(e.Cart)
	case order.DeliveryAddressChanged:
		// Where an order goes is none of the checkout's business.
	case order.Submitted:
		c.SubmittedAt = e.At
	case order.PaymentRequested:
		c.Payments = append(slices.Clip(c.Payments), Attempt{
			ID: payment.ID(e.PaymentID), Method: e.Method, Amount: e.Amount, RequestedAt: e.At,
		})
	case order.Paid:
		return c.recorded(e.PaymentID, order.PaymentTaken, e.At)
	case order.PaymentFailed:
		return c.recorded(e.PaymentID, order.PaymentRefused, e.At)
	case order.Refunded:
		return c.recorded(e.PaymentID, order.PaymentReturned, e.At)
	case order.Approved:
		c.Approved = true
	case order.Shipped:
		c.Shipped = true
	case order.Completed:
		// Shipped has said it all.
	case order.Rejected, order.Canceled:
		c.CalledOff = true
	}
	return c
}

func (c Checkout) evolvePayment(e payment.Event) Checkout {
	switch e := e.(type) {
	case payment.DebitRequested:
		// The payments have heard of it; their answer counts.
	case payment.Debited:
		return c.attempt(e.PaymentID, func(a *Attempt) { a.Debited = true })
	case payment.Declined:
		return c.attempt(e.PaymentID, func(a *Attempt) { a.Declined = e.Reason })
	case payment.CalledOff:
		return c.attempt(e.PaymentID, func(a *Attempt) { a.Declined = e.Reason })
	case payment.RefundRequested:
		return c.attempt(e.PaymentID, func(a *Attempt) {
			a.Asking = append(slices.Clip(a.Asking), Asking{e.RefundID, e.Amount.Amount})
		})
	case payment.Refunded:
		return c.attempt(e.PaymentID, func(a *Attempt) {
			a.Returned += e.Amount.Amount
			a.answered(e.RefundID)
		})
	case payment.RefundRefused:
		return c.attempt(e.PaymentID, func(a *Attempt) {
			if a.own(e.RefundID) { // others are an operator's business
				a.Refused = e.Reason
			}
			a.answered(e.RefundID)
		})
	}
	return c
}

// answered notes that a refund has its answer.
func (a *Attempt) answered(refund string) {
	a.Answers++
	a.Asking = slices.DeleteFunc(slices.Clone(a.Asking), func(r Asking) bool { return r.ID == refund })
}

func (c Checkout) evolveTimer(timer string) Checkout {
	switch timer {
	case customerTimer:
		c.Abandoned = true
	case restaurantTimer:
		c.Ticket.Overdue = true
	default:
		return c.everyAttempt(func(a *Attempt) { a.Overdue = a.Overdue || paymentTimer(a.ID) == timer })
	}
	return c
}

// recorded notes what the order says of a payment now.
func (c Checkout) recorded(id string, status order.PaymentStatus, at time.Time) Checkout {
	return c.attempt(payment.ID(id), func(a *Attempt) { a.Recorded, a.RecordedAt = status, at })
}

// attempt changes one payment, in a copy of the process: a state is a value.
func (c Checkout) attempt(id payment.ID, change func(*Attempt)) Checkout {
	return c.everyAttempt(func(a *Attempt) {
		if a.ID == id {
			change(a)
		}
	})
}

func (c Checkout) everyAttempt(change func(*Attempt)) Checkout {
	c.Payments = slices.Clone(c.Payments)
	for i := range c.Payments {
		change(&c.Payments[i])
	}
	return c
}

// items is what the restaurant has to know of a cart.
func items(cart order.Cart) []ticket.Item {
	list := make([]ticket.Item, len(cart))
	for i, l := range cart {
		list[i] = ticket.Item{ProductID: l.ProductID, Title: l.Title, Quantity: l.Quantity}
	}
	return list
}
