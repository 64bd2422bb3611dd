package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// SubmitOrder places an order as it is, and asks for its total when it says how to pay.
type SubmitOrder struct {
	Order   order.ID `json:"order_id"`
	Payment string   `json:"payment_id,omitempty"`
	Method  string   `json:"payment_method,omitempty"`
}

// CommandType implements Command.
func (SubmitOrder) CommandType() string { return "order.submit" }

// Target implements Command.
func (c SubmitOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c SubmitOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Submit(c.Payment, c.Method, at)
}
