package query

import (
	"context"
	"errors"

	"github.com/millrace/millrace/domain/ticket"
)

// ErrNoTicket says that there is no such ticket.
var ErrNoTicket = errors.New("no such ticket")

// ListTickets asks for tickets, of one status if that is set, newest first.
type ListTickets struct {
	Status ticket.Status
	After  Place
	Limit  int
}

// Tickets answers questions from the view of tickets.
type Tickets interface {
	// Ticket returns one ticket, or ErrNoTicket.
	Ticket(context.Context, ticket.ID) (TicketRow, error)

	// List returns at most Limit tickets.
	List(context.Context, ListTickets) ([]TicketRow, error)
}
