package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// CreateOrder takes a new order.
type CreateOrder struct {
	Order order.ID `json:"order_id"`
	order.Draft
}

// CommandType implements Command.
func (CreateOrder) CommandType() string { return "order.create" }

// Target implements Command.
func (c CreateOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c CreateOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Create(c.Draft, at)
}

// Check implements Checked.
func (c CreateOrder) Check() error { return c.Draft.Check() }
