// Package ticket is what the restaurant has to say about an order: a ticket is
// opened for a paid order, accepted or rejected, and withdrawn when the order came to
// nothing. Outside the standard library it imports domain/rule alone, and it does no
// I/O.
//
// Open and Withdraw come from processes, which may ask twice: the second time changes
// nothing. Accept and Reject may come from people, who are told that the ticket has
// its answer.
package ticket

import "github.com/millrace/millrace/domain/rule"

// Category is the part of a ticket's stream name before its id.
const Category = "ticket"

// ID identifies a ticket. It is the id of its order, which has one at most.
type ID string

// Item is something to be made.
type Item struct {
	ProductID string `json:"product_id"`
	Title     string `json:"title"`
	Quantity  int64  `json:"quantity"`
}

// Status is where a ticket is in its life.
type Status string

// The life of a ticket. The zero Status is a ticket that was never opened.
const (
	StatusOpen      Status = "open"
	StatusAccepted  Status = "accepted"
	StatusRejected  Status = "rejected"
	StatusWithdrawn Status = "withdrawn"
)

// Ticket is the state that decisions are made on. The zero Ticket is one that was
// never opened.
type Ticket struct {
	status Status
	order  string
}

// What a ticket can say no to.
var (
	ErrNotFound  = rule.No("ticket_not_found", "there is no such ticket")
	ErrAccepted  = rule.No("ticket_accepted", "the ticket has been accepted")
	ErrRejected  = rule.No("ticket_rejected", "the ticket has been rejected")
	ErrWithdrawn = rule.No("ticket_withdrawn", "the order is not wanted any more")
)

// Evolve returns the ticket after an event. It checks no rules and cannot fail,
// because the event is already a fact.
func (t Ticket) Evolve(e Event) Ticket {
	t.order = e.Order()
	switch e.(type) {
	case Opened:
		t.status = StatusOpen
	case Accepted:
		t.status = StatusAccepted
	case Rejected:
		t.status = StatusRejected
	case Withdrawn:
		t.status = StatusWithdrawn
	}
	return t
}

// answerable says no unless the ticket waits for an answer.
func (t Ticket) answerable() error {
	switch t.status {
	case StatusOpen:
		return nil
	case StatusAccepted:
		return ErrAccepted
	case StatusRejected:
		return ErrRejected
	case StatusWithdrawn:
		return ErrWithdrawn
	}
	return ErrNotFound
}
