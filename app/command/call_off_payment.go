package command

import (
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
)

// CallOffPayment makes sure that a payment that nobody has asked for never will be. It
// says what Debit says, since it may be all that is ever known of the payment.
type CallOffPayment struct {
	Payment payment.ID  `json:"payment_id"`
	Order   string      `json:"order_id"`
	Method  string      `json:"payment_method"`
	Amount  money.Money `json:"amount"`
	Reason  string      `json:"reason"`
}

// CommandType implements Command.
func (CallOffPayment) CommandType() string { return "payment.call_off" }

// Target implements Command.
func (c CallOffPayment) Target() string { return string(c.Payment) }

// Decide implements Decider.
func (c CallOffPayment) Decide(p payment.Payment, at time.Time) ([]payment.Event, error) {
	return p.CallOff(c.Payment, c.Order, c.Method, c.Amount, c.Reason, at)
}
