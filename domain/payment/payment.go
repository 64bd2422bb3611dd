// Package payment is the money that is taken for an order, and the rules by which
// it comes and goes. Outside the standard library it imports domain/money and
// domain/rule alone, and it does no I/O: what the gateway says arrives as an argument.
//
// A decision that was made before is made again without an event: everybody who asks
// something of a payment may ask twice.
package payment

import (
	"maps"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/rule"
)

// Category is the part of a payment's stream name before its id.
const Category = "payment"

// ID identifies a payment, as a UUID in its canonical lower-case form. An order that
// is paid at the second attempt has two payments.
type ID string

// Status is where a payment is in its life.
type Status string

// The life of a payment. The zero Status is a payment that nobody has asked for.
const (
	StatusRequested Status = "requested" // the gateway has not answered yet
	StatusDebited   Status = "debited"   // the money was taken; some or all may have been given back
	StatusDeclined  Status = "declined"  // nothing was taken and nothing will be, whether or not the gateway was asked
)

// Payment is the state that decisions are made on. The zero Payment is one that
// nobody has asked for.
type Payment struct {
	id      ID
	status  Status
	order   string
	method  string
	amount  money.Money
	off     bool              // it was called off before anybody asked for it
	left    int64             // of what was taken, what nobody has asked back so far
	refunds map[string]refund // by id; never changed in place, since a state is a value
}

// refund is a part of the amount that was asked back.
type refund struct {
	amount    int64 // in the currency of the payment
	status    refundStatus
	reference string // of how the money was given back
}

// refundStatus is where a refund is.
type refundStatus string

const (
	refundOpen    refundStatus = "requested" // the gateway has not answered yet
	refundGiven   refundStatus = "refunded"
	refundRefused refundStatus = "refused" // what it asked for is left again
	refundSettled refundStatus = "settled" // refused, and given back by other means after that
)

// What a payment can say no to.
var (
	ErrNotFound       = rule.No("payment_not_found", "there is no such payment")
	ErrExists         = rule.No("payment_exists", "the payment was asked for in other words before")
	ErrCalledOff      = rule.No("payment_called_off", "the payment was called off before anybody asked for it")
	ErrAnswered       = rule.No("payment_answered", "the payment has been answered otherwise")
	ErrNotDebited     = rule.No("payment_not_debited", "no money has been taken by this payment")
	ErrNothingLeft    = rule.No("nothing_left", "all of the money was given back or asked back before")
	ErrTooMuch        = rule.No("refund_too_large", "more is asked back than is left of the payment")
	ErrOtherCurrency  = rule.No("currency_mismatch", "the payment is in another currency")
	ErrRefundExists   = rule.No("refund_exists", "the refund was asked for with another amount before")
	ErrRefundUnknown  = rule.No("refund_unknown", "nobody asked for this refund")
	ErrRefundAnswered = rule.No("refund_answered", "the refund has been answered otherwise")
	ErrRefundOpen     = rule.No("refund_open", "the gateway has not answered yet and may still make the refund")
)

// Evolve returns the payment after an event. It checks no rules and cannot fail,
// because the event is already a fact.
func (p Payment) Evolve(e Event) Payment {
	switch e := e.(type) {
	case DebitRequested:
		p.id, p.status, p.order, p.method, p.amount = e.PaymentID, StatusRequested, e.OrderID, e.Method, e.Amount
	case Debited:
		p.status, p.left = StatusDebited, e.Amount.Amount
	case Declined:
		p.status = StatusDeclined
	case CalledOff:
		p.id, p.status, p.order, p.method, p.amount, p.off = e.PaymentID, StatusDeclined, e.OrderID, e.Method, e.Amount, true
	case RefundRequested:
		p.left -= e.Amount.Amount
		p.refunds = with(p.refunds, e.RefundID, refund{e.Amount.Amount, refundOpen, ""})
	case Refunded:
		given := refund{e.Amount.Amount, refundGiven, e.Reference}
		if p.refunds[e.RefundID].status == refundRefused {
			p.left -= e.Amount.Amount
			given.status = refundSettled
		}
		p.refunds = with(p.refunds, e.RefundID, given)
	case RefundRefused:
		p.left += e.Amount.Amount
		p.refunds = with(p.refunds, e.RefundID, refund{e.Amount.Amount, refundRefused, ""})
	}
	return p
}

// with returns a copy of some refunds in which one is new or changed.
func with(refunds map[string]refund, id string, r refund) map[string]refund {
	c := make(map[string]refund, len(refunds)+1)
	maps.Copy(c, refunds)
	c[id] = r
	return c
}
