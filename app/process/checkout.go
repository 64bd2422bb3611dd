// Package process is what the service does of its own accord when something has
// happened. A process is a fold like any other state, and a function from an
// event to the commands that answer it.
package process

import (
	"context"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// Checkout approves an order once it is both submitted and paid, whichever
// comes first.
type Checkout struct {
	Submitted bool `json:"submitted"`
	Paid      bool `json:"paid"`
	Over      bool `json:"over"`
}

// Evolve returns the process after an event.
func (p Checkout) Evolve(e order.Event) Checkout {
	switch e.(type) {
	case order.Submitted:
		p.Submitted = true
	case order.Paid:
		p.Paid = true
	case order.Approved, order.Rejected, order.Canceled:
		p.Over = true
	}
	return p
}

// CheckoutEvents are the types of the events that Checkout answers.
func CheckoutEvents() []string { return types(order.Submitted{}, order.Paid{}) }

// CheckoutReactions answers the events of an order for a Checkout.
func CheckoutReactions(codec *command.Codec) Reactions[Checkout] {
	return func(_ context.Context, p Checkout, e order.Event, r es.Record) ([]es.Envelope, error) {
		switch e.(type) {
		case order.Submitted, order.Paid:
			if p.Submitted && p.Paid && !p.Over {
				return answer(codec, "checkout", r, command.ApproveOrder{Order: order.ID(r.Stream.ID())})
			}
		}
		return nil, nil
	}
}
