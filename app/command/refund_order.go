package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// RefundOrder records that the customer has the money back.
type RefundOrder struct {
	Order   order.ID `json:"order_id"`
	Payment string   `json:"payment_id"`
}

// CommandType implements Command.
func (RefundOrder) CommandType() string { return "order.refund" }

// Target implements Command.
func (c RefundOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c RefundOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Refund(c.Payment, at)
}
