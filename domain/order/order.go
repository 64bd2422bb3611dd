// Package order is the order and the rules it lives by. Outside the standard library
// it imports domain/money and domain/rule alone, and it does no I/O: time and ids
// arrive as arguments.
//
// Each verb has a file of its own (submit.go, pay.go, cancel.go, …) which holds
// the whole rule for that verb. A decision is a method on the state that returns
// the events that follow, or a Rejection; Evolve applies events and never
// refuses.
package order

// ID identifies an order, as a UUID in its canonical lower-case form.
type ID string

// Status is where an order is in its life.
type Status string

// The life of an order. The zero Status is an order that was never created.
const (
	StatusDraft     Status = "draft"
	StatusSubmitted Status = "submitted"
	StatusApproved  Status = "approved"
	StatusRejected  Status = "rejected"
	StatusShipped   Status = "shipped"
	StatusCompleted Status = "completed"
	StatusCanceled  Status = "canceled"
)

// PaymentStatus is where the money for an order is.
type PaymentStatus string

// The ways of the money. A failed payment may be tried again.
const (
	PaymentNone     PaymentStatus = "unpaid"
	PaymentPending  PaymentStatus = "requested"
	PaymentTaken    PaymentStatus = "paid"
	PaymentRefused  PaymentStatus = "failed"
	PaymentReturned PaymentStatus = "refunded"
)

// Order is the state that decisions are made on. The zero Order is one that has
// not been created yet. It holds only what a decision needs; what people want
// to see is a view.
type Order struct {
	status     Status
	payment    PaymentStatus
	paymentID  string // of the payment that was requested last
	total      Money
	cartFrozen bool
}

// Evolve returns the order after an event. It checks no rules and cannot fail,
// because the event is already a fact.
func (o Order) Evolve(e Event) Order {
	switch e := e.(type) {
	case Created:
		o.status, o.payment, o.total = StatusDraft, PaymentNone, e.Total
	case CartUpdated:
		o.total = e.Total
	case DeliveryAddressChanged:
		// Where an order goes decides nothing.
	case Submitted:
		o.status, o.cartFrozen = StatusSubmitted, true
	case PaymentRequested:
		o.payment, o.paymentID, o.cartFrozen = PaymentPending, e.PaymentID, true
	case Paid:
		o.payment = PaymentTaken
	case PaymentFailed:
		o.payment = PaymentRefused
	case Approved:
		o.status = StatusApproved
	case Rejected:
		o.status = StatusRejected
	case Shipped:
		o.status = StatusShipped
	case Completed:
		o.status = StatusCompleted
	case Canceled:
		o.status = StatusCanceled
	case Refunded:
		o.payment = PaymentReturned
	}
	return o
}
