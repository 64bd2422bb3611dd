package command

import (
	"time"

	"github.com/millrace/millrace/domain/ticket"
)

// OpenTicket puts a paid order before the restaurant.
type OpenTicket struct {
	Ticket ticket.ID     `json:"ticket_id"`
	Order  string        `json:"order_id"`
	Items  []ticket.Item `json:"items"`
}

// CommandType implements Command.
func (OpenTicket) CommandType() string { return "ticket.open" }

// Target implements Command.
func (c OpenTicket) Target() string { return string(c.Ticket) }

// Decide implements Decider.
func (c OpenTicket) Decide(t ticket.Ticket, at time.Time) ([]ticket.Event, error) {
	return t.Open(c.Order, c.Items, at)
}
