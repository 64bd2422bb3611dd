package payment

import (
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/rule"
)

// Debit decides whether an amount can be asked for, which is nothing for an order
// that is free. To ask for the same once more changes nothing. A payment that was
// called off is not asked for any more.
func (p Payment) Debit(payment ID, order, method string, amount money.Money, at time.Time) ([]Event, error) {
	begun, err := p.begun(order, method, amount)
	switch {
	case err != nil:
		return nil, err
	case p.off:
		return nil, ErrCalledOff
	case begun:
		return nil, nil
	}
	return []Event{DebitRequested{PaymentID: payment, OrderID: order, Method: method, Amount: amount, At: at}}, nil
}

// CallOff makes sure that a payment that nobody has asked for never will be, by
// whomever and however late. Once it was asked for, to call it off changes nothing, and
// that is no error: the gateway may be taking the money at this moment, so its answer
// decides. To call a payment off once more changes nothing either.
func (p Payment) CallOff(payment ID, order, method string, amount money.Money, reason string, at time.Time) ([]Event, error) {
	if begun, err := p.begun(order, method, amount); begun || err != nil {
		return nil, err
	}
	return []Event{CalledOff{PaymentID: payment, OrderID: order, Method: method, Amount: amount, Reason: reason, At: at}}, nil
}

// begun tells whether anything has happened to a payment. It returns ErrExists if what
// has happened was about something else, and Invalid for an amount that no payment can
// begin with.
func (p Payment) begun(order, method string, amount money.Money) (bool, error) {
	if p.status != "" {
		if p.order != order || p.method != method || p.amount != amount {
			return true, ErrExists
		}
		return true, nil
	}
	var v rule.Violations
	amount.Check(&v, "/amount")
	return false, v.Err()
}

// ConfirmDebit records that the gateway took the money. To record it once more
// changes nothing.
func (p Payment) ConfirmDebit(reference string, at time.Time) ([]Event, error) {
	switch p.status {
	case "":
		return nil, ErrNotFound
	case StatusDebited:
		return nil, nil
	case StatusDeclined:
		return nil, ErrAnswered
	}
	return []Event{Debited{PaymentID: p.id, OrderID: p.order, Amount: p.amount, Reference: reference, At: at}}, nil
}

// DeclineDebit records that the gateway took no money and never will for this
// payment. To record it once more changes nothing.
func (p Payment) DeclineDebit(reason string, at time.Time) ([]Event, error) {
	switch p.status {
	case "":
		return nil, ErrNotFound
	case StatusDeclined:
		return nil, nil
	case StatusDebited:
		return nil, ErrAnswered
	}
	return []Event{Declined{PaymentID: p.id, OrderID: p.order, Reason: reason, At: at}}, nil
}
