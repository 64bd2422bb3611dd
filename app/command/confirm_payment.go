package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// ConfirmPayment records that a requested payment was taken.
type ConfirmPayment struct {
	Order   order.ID `json:"order_id"`
	Payment string   `json:"payment_id"`
}

// CommandType implements Command.
func (ConfirmPayment) CommandType() string { return "order.confirm_payment" }

// Target implements Command.
func (c ConfirmPayment) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c ConfirmPayment) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.ConfirmPayment(c.Payment, at)
}
