package query

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// TicketHistory answers questions from the events of tickets.
type TicketHistory struct {
	Store es.Store
	Codec *es.Codec[ticket.Event]
}

// AtVersion returns a ticket as it was at a version. It returns ErrNoTicket when
// the ticket has not come that far.
func (h *TicketHistory) AtVersion(ctx context.Context, id ticket.ID, version es.Version) (TicketRow, error) {
	past, _, err := foldPast[Ticket](ctx, h.Store, h.Codec, es.StreamOf(ticket.Category, string(id)),
		func(r es.Record) bool { return r.Version <= version })
	switch {
	case err != nil:
		return TicketRow{}, fmt.Errorf("read ticket %s: %w", id, err)
	case past.Version == 0 || past.Version < version:
		return TicketRow{}, fmt.Errorf("%w at version %d", ErrNoTicket, version)
	}
	return TicketRow{ID: id, Version: past.Version, Ticket: past.State}, nil
}
