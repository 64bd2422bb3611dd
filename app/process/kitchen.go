package process

import (
	"context"
	"fmt"
	"slices"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// Kitchen is what the restaurant knows of one ticket.
type Kitchen struct {
	Ticket ticket.ID     `json:"ticket_id"`
	Items  []ticket.Item `json:"items,omitempty"`
	Status ticket.Status `json:"status,omitempty"`
}

// Evolve returns the process after an event.
func (k Kitchen) Evolve(e es.Event) Kitchen {
	switch e := e.(type) {
	case ticket.Opened:
		k.Status, k.Items = ticket.StatusOpen, e.Items
	case ticket.Accepted:
		k.Status = ticket.StatusAccepted
	case ticket.Rejected:
		k.Status = ticket.StatusRejected
	case ticket.Withdrawn:
		k.Status = ticket.StatusWithdrawn
	}
	return k
}

// HouseRule says how tickets are answered.
type HouseRule struct {
	ByHand      bool     // people answer what the rule does not reject
	SoldOut     []string // the ids of products that are out
	MaxQuantity int64    // the most pieces that are made for one order; 0 for any number
}

// judge says why a ticket is rejected, or that it is not.
func (r HouseRule) judge(items []ticket.Item) (reason string, rejected bool) {
	var pieces int64
	for _, i := range items {
		if slices.Contains(r.SoldOut, i.ProductID) {
			return i.ProductID + " is sold out", true
		}
		pieces += i.Quantity
	}
	if r.MaxQuantity > 0 && pieces > r.MaxQuantity {
		return fmt.Sprintf("%d pieces are more than the %d that are made for one order", pieces, r.MaxQuantity), true
	}
	return "", false
}

// NewKitchen returns the process that answers tickets by a rule.
func NewKitchen(rule HouseRule) es.Process[Kitchen] {
	return es.Process[Kitchen]{
		Name:    KitchenName,
		Events:  types(ticket.Opened{}, ticket.Accepted{}, ticket.Rejected{}, ticket.Withdrawn{}),
		New:     func(id string) Kitchen { return Kitchen{Ticket: ticket.ID(id)} },
		Subject: func(s es.Stream, _ es.Event) string { return s.ID() },
		React: func(_ context.Context, k Kitchen, e es.Event) (es.Reaction, error) {
			return k.react(rule, e), nil
		},
		Standing: func(k Kitchen) es.Standing {
			if k.Status != ticket.StatusOpen {
				return es.Standing{Done: true}
			}
			return es.Standing{Waits: "somebody to accept or reject the ticket"}
		},
	}
}

func (k Kitchen) react(rule HouseRule, e es.Event) (r es.Reaction) {
	switch e.(type) {
	case ticket.Opened, es.Retried:
	default:
		return r
	}
	if k.Status != ticket.StatusOpen {
		return r
	}
	if reason, rejected := rule.judge(k.Items); rejected {
		r.Send = append(r.Send, command.RejectTicket{Ticket: k.Ticket, Reason: reason})
	} else if !rule.ByHand {
		r.Send = append(r.Send, command.AcceptTicket{Ticket: k.Ticket})
	}
	return r
}
