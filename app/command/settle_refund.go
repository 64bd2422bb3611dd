package command

import (
	"time"

	"github.com/millrace/millrace/domain/payment"
)

// SettleRefund records that the money of a refund that was refused was given back by
// other means, such as a bank transfer.
type SettleRefund struct {
	Payment   payment.ID `json:"payment_id"`
	Refund    string     `json:"refund_id"`
	Reference string     `json:"reference"`
}

// CommandType implements Command.
func (SettleRefund) CommandType() string { return "payment.settle_refund" }

// Target implements Command.
func (c SettleRefund) Target() string { return string(c.Payment) }

// Decide implements Decider.
func (c SettleRefund) Decide(p payment.Payment, at time.Time) ([]payment.Event, error) {
	return p.SettleRefund(c.Refund, c.Reference, at)
}

// Check implements Checked.
func (c SettleRefund) Check() error { return payment.CheckSettlement(c.Reference) }
