package query

import (
	"cmp"
	"time"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// Ticket is what people see of one ticket. The zero Ticket is one that was never
// opened.
type Ticket struct {
	OrderID   order.ID      `json:"order_id"`
	Status    ticket.Status `json:"status"`
	Items     []ticket.Item `json:"items,omitempty"`
	Reason    string        `json:"reason,omitempty"` // why it was rejected or withdrawn
	CreatedAt time.Time     `json:"created_at"`
	OpenedAt  time.Time     `json:"opened_at,omitzero"` // zero if it was withdrawn before it could be opened
	UpdatedAt time.Time     `json:"updated_at"`
}

// Evolve returns the view after an event.
func (v Ticket) Evolve(e ticket.Event) Ticket {
	v.OrderID = order.ID(e.Order())
	switch e := e.(type) {
	case ticket.Opened:
		v.Status, v.Items = ticket.StatusOpen, e.Items
		v.CreatedAt, v.OpenedAt, v.UpdatedAt = e.At, e.At, e.At
	case ticket.Accepted:
		v.Status, v.UpdatedAt = ticket.StatusAccepted, e.At
	case ticket.Rejected:
		v.Status, v.Reason, v.UpdatedAt = ticket.StatusRejected, e.Reason, e.At
	case ticket.Withdrawn: // perhaps the first thing that happens to it
		v.Status, v.Reason = ticket.StatusWithdrawn, e.Reason
		v.CreatedAt, v.UpdatedAt = cmp.Or(v.CreatedAt, e.At), e.At
	}
	return v
}

// TicketRow is the view of a ticket as it was at a version.
type TicketRow struct {
	ID      ticket.ID
	Version es.Version
	Ticket
}
