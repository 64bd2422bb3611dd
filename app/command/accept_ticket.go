package command

import (
	"time"

	"github.com/millrace/millrace/domain/ticket"
)

// AcceptTicket says that the restaurant makes an order.
type AcceptTicket struct {
	Ticket ticket.ID `json:"ticket_id"`
}

// CommandType implements Command.
func (AcceptTicket) CommandType() string { return "ticket.accept" }

// Target implements Command.
func (c AcceptTicket) Target() string { return string(c.Ticket) }

// Decide implements Decider.
func (c AcceptTicket) Decide(t ticket.Ticket, at time.Time) ([]ticket.Event, error) {
	return t.Accept(at)
}
