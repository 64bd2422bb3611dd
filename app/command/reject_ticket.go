package command

import (
	"time"

	"github.com/millrace/millrace/domain/ticket"
)

// RejectTicket says that the restaurant does not make an order.
type RejectTicket struct {
	Ticket ticket.ID `json:"ticket_id"`
	Reason string    `json:"reason"`
}

// CommandType implements Command.
func (RejectTicket) CommandType() string { return "ticket.reject" }

// Target implements Command.
func (c RejectTicket) Target() string { return string(c.Ticket) }

// Decide implements Decider.
func (c RejectTicket) Decide(t ticket.Ticket, at time.Time) ([]ticket.Event, error) {
	return t.Reject(c.Reason, at)
}

// Check implements Checked.
func (c RejectTicket) Check() error { return ticket.CheckReason(c.Reason) }
