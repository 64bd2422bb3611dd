package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// CancelOrder calls an order off.
type CancelOrder struct {
	Order  order.ID `json:"order_id"`
	Reason string   `json:"reason"`
}

// CommandType implements Command.
func (CancelOrder) CommandType() string { return "order.cancel" }

// Target implements Command.
func (c CancelOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c CancelOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Cancel(c.Reason, at)
}

// Check implements Checked.
func (c CancelOrder) Check() error { return order.CheckReason(c.Reason) }
