package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// RejectOrder says that an order will not be made.
type RejectOrder struct {
	Order  order.ID `json:"order_id"`
	Reason string   `json:"reason"`
}

// CommandType implements Command.
func (RejectOrder) CommandType() string { return "order.reject" }

// Target implements Command.
func (c RejectOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c RejectOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Reject(c.Reason, at)
}
