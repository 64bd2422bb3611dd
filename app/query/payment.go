package query

import (
	"slices"
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// Payment is what people see of one payment. The zero Payment is one that nobody
// has asked for.
type Payment struct {
	OrderID       order.ID       `json:"order_id"`
	Status        payment.Status `json:"status"`
	Amount        money.Money    `json:"amount"`
	Refunded      money.Money    `json:"refunded"` // what was given back so far
	Method        string         `json:"payment_method"`
	Reference     string         `json:"gateway_reference,omitempty"`
	DeclineReason string         `json:"decline_reason,omitempty"`
	Refunds       []Refund       `json:"refunds,omitempty"` // in the order in which they were asked for
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
}

// Refund is one amount that was asked back.
type Refund struct {
	ID           string       `json:"id"`
	Amount       money.Money  `json:"amount"`
	Status       RefundStatus `json:"status"`
	Reason       string       `json:"reason"`
	RefuseReason string       `json:"refuse_reason,omitempty"`     // stays when the money went back by other means
	Reference    string       `json:"gateway_reference,omitempty"` // or where else the money went
	RequestedAt  time.Time    `json:"requested_at"`
	AnsweredAt   time.Time    `json:"answered_at,omitzero"`
}

// RefundStatus is how far a refund is.
type RefundStatus string

// The life of a refund.
const (
	RefundRequested RefundStatus = "requested" // the gateway has not answered yet
	RefundDone      RefundStatus = "refunded"
	RefundRefused   RefundStatus = "refused"
)

// Evolve returns the view after an event.
func (v Payment) Evolve(e payment.Event) Payment {
	switch e := e.(type) {
	case payment.DebitRequested:
		v = begun(e.OrderID, e.Method, e.Amount, e.At)
		v.Status = payment.StatusRequested
	case payment.Debited:
		v.Status, v.Reference, v.UpdatedAt = payment.StatusDebited, e.Reference, e.At
	case payment.Declined:
		v.Status, v.DeclineReason, v.UpdatedAt = payment.StatusDeclined, e.Reason, e.At
	case payment.CalledOff:
		v = begun(e.OrderID, e.Method, e.Amount, e.At)
		v.Status, v.DeclineReason = payment.StatusDeclined, e.Reason
	case payment.RefundRequested:
		v.Refunds = append(slices.Clip(v.Refunds), Refund{
			ID: e.RefundID, Amount: e.Amount, Status: RefundRequested, Reason: e.Reason, RequestedAt: e.At,
		})
		v.UpdatedAt = e.At
	case payment.Refunded:
		v.Refunded.Amount += e.Amount.Amount
		v.Refunds = answered(v.Refunds, e.RefundID, func(r *Refund) {
			r.Status, r.Reference, r.AnsweredAt = RefundDone, e.Reference, e.At
		})
		v.UpdatedAt = e.At
	case payment.RefundRefused:
		v.Refunds = answered(v.Refunds, e.RefundID, func(r *Refund) {
			r.Status, r.RefuseReason, r.AnsweredAt = RefundRefused, e.Reason, e.At
		})
		v.UpdatedAt = e.At
	}
	return v
}

// begun returns the view of a payment of which its first event has told.
func begun(id, method string, amount money.Money, at time.Time) Payment {
	return Payment{
		OrderID: order.ID(id), Method: method, Amount: amount, Refunded: money.Money{Currency: amount.Currency},
		CreatedAt: at, UpdatedAt: at,
	}
}

// answered returns a copy of some refunds with one changed: a view is a value.
func answered(refunds []Refund, id string, change func(*Refund)) []Refund {
	changed := slices.Clone(refunds)
	for i := range changed {
		if changed[i].ID == id {
			change(&changed[i])
		}
	}
	return changed
}

// PaymentRow is the view of a payment as it was at a version.
type PaymentRow struct {
	ID      payment.ID
	Version es.Version
	Payment
}
