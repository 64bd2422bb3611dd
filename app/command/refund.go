package command

import (
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
)

// Refund asks for an amount to be given back; no amount means all that is left.
type Refund struct {
	Payment payment.ID  `json:"payment_id"`
	Refund  string      `json:"refund_id"`
	Amount  money.Money `json:"amount,omitzero"`
	Reason  string      `json:"reason"`
}

// CommandType implements Command.
func (Refund) CommandType() string { return "payment.refund" }

// Target implements Command.
func (c Refund) Target() string { return string(c.Payment) }

// Decide implements Decider.
func (c Refund) Decide(p payment.Payment, at time.Time) ([]payment.Event, error) {
	return p.Refund(c.Refund, c.Amount, c.Reason, at)
}

// Check implements Checked.
func (c Refund) Check() error { return payment.CheckRefund(c.Amount, c.Reason) }
