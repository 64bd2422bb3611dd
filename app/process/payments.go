package process

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// Till takes money from customers and gives it back. Asking twice with one
// payment id has the effect and the answer of asking once.
type Till interface {
	// Charge takes an amount by a payment method. It returns Refused when the
	// customer's side says no; any other error leaves open what happened.
	Charge(ctx context.Context, payment, method string, amount order.Money) error

	// Refund gives back what was charged as a payment.
	Refund(ctx context.Context, payment string, amount order.Money) error
}

// Refused is the customer's bank saying no.
type Refused struct{ Reason string }

func (d Refused) Error() string { return "the payment was declined: " + d.Reason }

// Payments asks the gateway for the money that an order requests, and for it to
// be given back when the order came to nothing.
type Payments struct {
	PaymentID string      `json:"payment_id"`
	Amount    order.Money `json:"amount"`
	Taken     bool        `json:"taken"`
	CalledOff bool        `json:"called_off"`
}

// Evolve returns the process after an event.
func (p Payments) Evolve(e order.Event) Payments {
	switch e := e.(type) {
	case order.PaymentRequested:
		p.PaymentID, p.Amount = e.PaymentID, e.Amount
	case order.Paid:
		p.Taken = true
	case order.Canceled, order.Rejected:
		p.CalledOff = true
	}
	return p
}

// PaymentsEvents are the types of the events that Payments answers.
func PaymentsEvents() []string {
	return types(order.PaymentRequested{}, order.Paid{}, order.Canceled{}, order.Rejected{})
}

// PaymentsReactions answers the events of an order for Payments.
func PaymentsReactions(codec *command.Codec, gateway Till) Reactions[Payments] {
	return func(ctx context.Context, p Payments, e order.Event, r es.Record) ([]es.Envelope, error) {
		id := order.ID(r.Stream.ID())
		switch e := e.(type) {
		case order.PaymentRequested:
			return charge(ctx, codec, gateway, id, e, r)
		case order.Paid, order.Canceled, order.Rejected:
			if p.Taken && p.CalledOff {
				if err := gateway.Refund(ctx, p.PaymentID, p.Amount); err != nil {
					return nil, fmt.Errorf("refund payment %s: %w", p.PaymentID, err)
				}
				return answer(codec, "payments", r, command.RefundOrder{Order: id, Payment: p.PaymentID})
			}
		}
		return nil, nil
	}
}

func charge(ctx context.Context, codec *command.Codec, gateway Till, id order.ID, e order.PaymentRequested, r es.Record) ([]es.Envelope, error) {
	err := gateway.Charge(ctx, e.PaymentID, e.Method, e.Amount)
	if no, ok := errors.AsType[Refused](err); ok {
		return answer(codec, "payments", r, command.DeclinePayment{Order: id, Payment: e.PaymentID, Reason: no.Reason})
	}
	if err != nil {
		return nil, fmt.Errorf("charge payment %s: %w", e.PaymentID, err)
	}
	return answer(codec, "payments", r, command.ConfirmPayment{Order: id, Payment: e.PaymentID})
}
