package command

import (
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
)

// Debit asks for an amount to be taken for an order.
type Debit struct {
	Payment payment.ID  `json:"payment_id"`
	Order   string      `json:"order_id"`
	Method  string      `json:"payment_method"`
	Amount  money.Money `json:"amount"`
}

// CommandType implements Command.
func (Debit) CommandType() string { return "payment.debit" }

// Target implements Command.
func (c Debit) Target() string { return string(c.Payment) }

// Decide implements Decider.
func (c Debit) Decide(p payment.Payment, at time.Time) ([]payment.Event, error) {
	return p.Debit(c.Payment, c.Order, c.Method, c.Amount, at)
}
