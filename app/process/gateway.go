package process

import (
	"context"
	"errors"

	"github.com/millrace/millrace/domain/money"
)

// Gateway takes money from customers and gives it back. What is asked of it carries a
// key: asking twice with one key has the effect and the answer of asking once.
//
// Its methods return what the gateway calls the charge or the refund. They return
// Declined when the answer is no, for good; any other error leaves open what
// happened, and whoever asked finds out by the key before asking again.
type Gateway interface {
	// Charge takes an amount by a payment method.
	Charge(context.Context, Charge) (reference string, err error)

	// Refund gives back what was taken by a charge, or a part of it.
	Refund(context.Context, Refund) (reference string, err error)

	// FindCharge tells what became of a charge. It returns ErrNeverAsked if the
	// gateway knows none with this key.
	FindCharge(ctx context.Context, key string) (reference string, err error)

	// FindRefund tells what became of a refund. It returns ErrNeverAsked if the
	// gateway knows none with this key.
	FindRefund(ctx context.Context, key string) (reference string, err error)
}

// Charge is a request for money.
type Charge struct {
	Key    string
	Order  string // the id of the order, for people
	Method string
	Amount money.Money
}

// Refund is a request for money to be given back.
type Refund struct {
	Key    string
	Charge string // the key of the charge
	Amount money.Money
	Reason string // for people
}

// Declined is the gateway saying no, for good.
type Declined struct{ Reason string } // a stable code, such as card_declined

func (d Declined) Error() string { return "declined: " + d.Reason }

// ErrNeverAsked says that the gateway has not seen a key.
var ErrNeverAsked = errors.New("the gateway knows no such request")
