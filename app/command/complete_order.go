package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// CompleteOrder says that an order has reached the customer, just now if DeliveredAt is zero.
type CompleteOrder struct {
	Order       order.ID  `json:"order_id"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
}

// CommandType implements Command.
func (CompleteOrder) CommandType() string { return "order.complete" }

// Target implements Command.
func (c CompleteOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c CompleteOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Complete(c.DeliveredAt, at)
}

// Check implements Checked.
func (c CompleteOrder) Check() error {
	if c.DeliveredAt.IsZero() {
		return nil
	}
	return order.CheckDeliveredAt(c.DeliveredAt)
}
