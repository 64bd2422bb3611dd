package command

import (
	"time"

	"github.com/millrace/millrace/domain/payment"
)

// ConfirmRefund records that the gateway gave the money of a refund back.
type ConfirmRefund struct {
	Payment   payment.ID `json:"payment_id"`
	Refund    string     `json:"refund_id"`
	Reference string     `json:"gateway_reference"`
}

// CommandType implements Command.
func (ConfirmRefund) CommandType() string { return "payment.confirm_refund" }

// Target implements Command.
func (c ConfirmRefund) Target() string { return string(c.Payment) }

// Decide implements Decider.
func (c ConfirmRefund) Decide(p payment.Payment, at time.Time) ([]payment.Event, error) {
	return p.ConfirmRefund(c.Refund, c.Reference, at)
}
