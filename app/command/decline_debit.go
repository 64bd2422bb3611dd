package command

import (
	"time"

	"github.com/millrace/millrace/domain/payment"
)

// DeclineDebit records that the gateway took no money.
type DeclineDebit struct {
	Payment payment.ID `json:"payment_id"`
	Reason  string     `json:"reason"`
}

// CommandType implements Command.
func (DeclineDebit) CommandType() string { return "payment.decline_debit" }

// Target implements Command.
func (c DeclineDebit) Target() string { return string(c.Payment) }

// Decide implements Decider.
func (c DeclineDebit) Decide(p payment.Payment, at time.Time) ([]payment.Event, error) {
	return p.DeclineDebit(c.Reason, at)
}
