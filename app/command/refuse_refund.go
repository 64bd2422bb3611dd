package command

import (
	"time"

	"github.com/millrace/millrace/domain/payment"
)

// RefuseRefund records that the gateway will not carry out a refund.
type RefuseRefund struct {
	Payment payment.ID `json:"payment_id"`
	Refund  string     `json:"refund_id"`
	Reason  string     `json:"reason"`
}

// CommandType implements Command.
func (RefuseRefund) CommandType() string { return "payment.refuse_refund" }

// Target implements Command.
func (c RefuseRefund) Target() string { return string(c.Payment) }

// Decide implements Decider.
func (c RefuseRefund) Decide(p payment.Payment, at time.Time) ([]payment.Event, error) {
	return p.RefuseRefund(c.Refund, c.Reason, at)
}
