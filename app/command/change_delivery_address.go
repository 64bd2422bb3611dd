package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// ChangeDeliveryAddress sends an order somewhere else.
type ChangeDeliveryAddress struct {
	Order           order.ID      `json:"order_id"`
	DeliveryAddress order.Address `json:"delivery_address"`
}

// CommandType implements Command.
func (ChangeDeliveryAddress) CommandType() string { return "order.change_delivery_address" }

// Target implements Command.
func (c ChangeDeliveryAddress) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c ChangeDeliveryAddress) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.ChangeDeliveryAddress(c.DeliveryAddress, at)
}

// Check implements Checked.
func (c ChangeDeliveryAddress) Check() error { return c.DeliveryAddress.Check() }
