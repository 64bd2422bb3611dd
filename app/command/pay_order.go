package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// PayOrder asks for the order's total.
type PayOrder struct {
	Order   order.ID `json:"order_id"`
	Payment string   `json:"payment_id"`
	Method  string   `json:"payment_method"`
}

// CommandType implements Command.
func (PayOrder) CommandType() string { return "order.pay" }

// Target implements Command.
func (c PayOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c PayOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Pay(c.Payment, c.Method, at)
}
