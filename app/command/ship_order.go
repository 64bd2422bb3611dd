package command

import (
	"time"

	"github.com/millrace/millrace/domain/order"
)

// ShipOrder says that an order has left the house.
type ShipOrder struct {
	Order          order.ID `json:"order_id"`
	Carrier        string   `json:"carrier,omitempty"`
	TrackingNumber string   `json:"tracking_number,omitempty"`
}

// CommandType implements Command.
func (ShipOrder) CommandType() string { return "order.ship" }

// Target implements Command.
func (c ShipOrder) Target() string { return string(c.Order) }

// Decide implements Decider.
func (c ShipOrder) Decide(o order.Order, at time.Time) ([]order.Event, error) {
	return o.Ship(c.Carrier, c.TrackingNumber, at)
}
