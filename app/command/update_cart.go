package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// UpdateCart replaces what the customer wants to buy.
type UpdateCart struct {
	Order order.ID   `json:"order_id"`
	Cart  order.Cart `json:"items"`
}

// CommandType implements Command.
func (UpdateCart) CommandType() string { return "order.update_cart" }

// Target implements Command.
func (c UpdateCart) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c UpdateCart) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.UpdateCart(c.Cart, at)
}

// Check implements Checked.
func (c UpdateCart) Check() error {
	_, err := c.Cart.Total()
	return err
}
