package payment

import (
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/rule"
)

// Debit decides whether an amount can be asked for, which is nothing for an order
// that is free. To ask for the same once more changes nothing.
func (p Payment) Debit(payment ID, order, method string, amount money.Money, at time.Time) ([]Event, error) {
	if p.status != "" {
		if p.order != order || p.method != method || p.amount != amount {
			return nil, ErrExists
		}
		return nil, nil
	}
	var v rule.Violations
	amount.Check(&v, "/amount")
	if err := v.Err(); err != nil {
		return nil, err
	}
	return []Event{DebitRequested{PaymentID: payment, OrderID: order, Method: method, Amount: amount, At: at}}, nil
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
