package command

import (
	"time"

	"github.com/millrace/millrace/domain/ticket"
)

// WithdrawTicket takes an order back from the restaurant.
type WithdrawTicket struct {
	Ticket ticket.ID `json:"ticket_id"`
	Order  string    `json:"order_id"`
	Reason string    `json:"reason"`
}

// CommandType implements Command.
func (WithdrawTicket) CommandType() string { return "ticket.withdraw" }

// Target implements Command.
func (c WithdrawTicket) Target() string { return string(c.Ticket) }

// Decide implements Decider.
func (c WithdrawTicket) Decide(t ticket.Ticket, at time.Time) ([]ticket.Event, error) {
	return t.Withdraw(c.Order, c.Reason, at)
}
