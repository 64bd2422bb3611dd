package command

import (
	"time"

	"github.com/millrace/millrace/domain/payment"
)

// ConfirmDebit records that the gateway took the money.
type ConfirmDebit struct {
	Payment   payment.ID `json:"payment_id"`
	Reference string     `json:"gateway_reference"`
}

// CommandType implements Command.
func (ConfirmDebit) CommandType() string { return "payment.confirm_debit" }

// Target implements Command.
func (c ConfirmDebit) Target() string { return string(c.Payment) }

// Decide implements Decider.
func (c ConfirmDebit) Decide(p payment.Payment, at time.Time) ([]payment.Event, error) {
	return p.ConfirmDebit(c.Reference, at)
}
