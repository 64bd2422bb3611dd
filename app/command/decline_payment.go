package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// DeclinePayment records that a requested payment was not taken.
type DeclinePayment struct {
	Order   order.ID `json:"order_id"`
	Payment string   `json:"payment_id"`
	Reason  string   `json:"reason"`
}

// CommandType implements Command.
func (DeclinePayment) CommandType() string { return "order.decline_payment" }

// Target implements Command.
func (c DeclinePayment) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c DeclinePayment) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.DeclinePayment(c.Payment, c.Reason, at)
}
