// Package payment is the money that is taken for an order, and the rules by which
// it comes and goes. It imports nothing but the standard library and does no I/O:
// what the gateway says arrives as an argument.
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
	StatusDeclined  Status = "declined"
)

// Payment is the state that decisions are made on. The zero Payment is one that
// nobody has asked for.
type Payment struct {
	id      ID
	status  Status
	order   string
	method  string
	amount  money.Money
	left    int64            // of the amount, what was not given back and nobody has asked for
	refunds map[string]int64 // by id, what was asked back and has no answer yet; 0 once it has one
}

// What a payment can say no to.
var (
	ErrNotFound      = rule.No("payment_not_found", "there is no such payment")
	ErrExists        = rule.No("payment_exists", "the payment was asked for in other words before")
	ErrAnswered      = rule.No("payment_answered", "the payment has been answered otherwise")
	ErrNotDebited    = rule.No("payment_not_debited", "no money was taken by this payment")
	ErrNothingLeft   = rule.No("nothing_left", "all of the money was given back or asked back before")
	ErrTooMuch       = rule.No("refund_too_large", "more is asked back than is left of the payment")
	ErrOtherCurrency = rule.No("currency_mismatch", "the payment is in another currency")
	ErrRefundUnknown = rule.No("refund_unknown", "nobody asked for this refund")
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
	case RefundRequested:
		p.left -= e.Amount.Amount
		p.refunds = with(p.refunds, e.RefundID, e.Amount.Amount)
	case Refunded:
		p.refunds = with(p.refunds, e.RefundID, 0)
	case RefundRefused:
		p.left += e.Amount.Amount
		p.refunds = with(p.refunds, e.RefundID, 0)
	}
	return p
}

// with returns a copy of some refunds with one changed: a state is a value.
func with(refunds map[string]int64, id string, open int64) map[string]int64 {
	c := maps.Clone(refunds)
	if c == nil {
		c = map[string]int64{}
	}
	c[id] = open
	return c
}
