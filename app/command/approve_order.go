package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// ApproveOrder says that an order will be made.
type ApproveOrder struct {
	Order order.ID `json:"order_id"`
}

// CommandType implements Command.
func (ApproveOrder) CommandType() string { return "order.approve" }

// Target implements Command.
func (c ApproveOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c ApproveOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Approve(at)
}
