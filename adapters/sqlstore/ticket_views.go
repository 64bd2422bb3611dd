package sqlstore

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// TicketViews keeps the view of tickets. It implements es.States and query.Tickets.
type TicketViews struct{ Store *Store }

var ticketView = newView(view[query.Ticket, query.TicketRow]{
	viewTable: viewTable{name: "ticket_views", columns: []string{"status", "created_at"}},
	values: func(t query.Ticket) viewSave {
		return viewSave{values: []any{string(t.Status), t.CreatedAt.UnixMicro()}}
	},
	row: func(id string, version es.Version, t query.Ticket) query.TicketRow {
		return query.TicketRow{ID: ticket.ID(id), Version: version, Ticket: t}
	},
	none: query.ErrNoTicket,
})

// Load implements es.States.
func (v TicketViews) Load(ctx context.Context, ids []string) (map[string]es.Seen[query.Ticket], error) {
	return ticketView.load(ctx, v.Store, ids)
}

// Save implements es.States.
func (v TicketViews) Save(ctx context.Context, steps []es.Step[query.Ticket]) []error {
	return ticketView.save(ctx, v.Store, steps)
}

// Ticket implements query.Tickets.
func (v TicketViews) Ticket(ctx context.Context, id ticket.ID) (query.TicketRow, error) {
	return ticketView.one(ctx, v.Store, string(id))
}

// List implements query.Tickets.
func (v TicketViews) List(ctx context.Context, q query.ListTickets) ([]query.TicketRow, error) {
	var c conditions
	index := "newest"
	if q.Status != "" {
		c.add("v.status = ?", string(q.Status))
		index = "status"
	}
	c.before(q.After)
	found, err := ticketView.page(ctx, v.Store, index, c, newestFirst, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("list tickets: %w", err)
	}
	return found, nil
}
