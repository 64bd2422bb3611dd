package payment

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/rule"
)

// CheckRefund returns Invalid for an amount that cannot be given back, or a reason
// that says nothing or too much. No amount is one that can: it means all that is left.
func CheckRefund(amount money.Money, reason string) error {
	if err := rule.CheckReason(reason); err != nil {
		return err
	}
	var v rule.Violations
	if amount != (money.Money{}) {
		v.Require(amount.Amount >= 1 && amount.Amount <= money.Max, "/amount/amount", fmt.Sprintf("must be from 1 to %d", money.Max))
		v.Require(money.IsCurrency(amount.Currency), "/amount/currency", "must be an ISO 4217 currency code")
	}
	return v.Err()
}

// Refund decides whether an amount can be asked back, as the refund with the given
// id. A zero amount means all that is left. To ask for the same refund once more
// changes nothing.
func (p Payment) Refund(refund string, amount money.Money, reason string, at time.Time) ([]Event, error) {
	if _, asked := p.refunds[refund]; asked {
		return nil, nil
	}
	switch {
	case p.status == "":
		return nil, ErrNotFound
	case p.status != StatusDebited:
		return nil, ErrNotDebited
	case p.left == 0:
		return nil, ErrNothingLeft
	}
	if amount == (money.Money{}) {
		amount = money.Money{Amount: p.left, Currency: p.amount.Currency}
	}
	switch {
	case amount.Currency != p.amount.Currency:
		return nil, ErrOtherCurrency
	case amount.Amount > p.left:
		return nil, ErrTooMuch
	}
	return []Event{RefundRequested{PaymentID: p.id, OrderID: p.order, RefundID: refund, Amount: amount, Reason: reason, At: at}}, nil
}

// ConfirmRefund records that the gateway gave the money of a refund back. To record
// it once more changes nothing.
func (p Payment) ConfirmRefund(refund, reference string, at time.Time) ([]Event, error) {
	open, err := p.openRefund(refund)
	if err != nil || open.Amount == 0 {
		return nil, err
	}
	return []Event{Refunded{PaymentID: p.id, OrderID: p.order, RefundID: refund, Amount: open, Reference: reference, At: at}}, nil
}

// RefuseRefund records that the gateway will not carry out a refund. To record it
// once more changes nothing.
func (p Payment) RefuseRefund(refund, reason string, at time.Time) ([]Event, error) {
	open, err := p.openRefund(refund)
	if err != nil || open.Amount == 0 {
		return nil, err
	}
	return []Event{RefundRefused{PaymentID: p.id, OrderID: p.order, RefundID: refund, Amount: open, Reason: reason, At: at}}, nil
}

// openRefund returns what a refund waits for; nothing if it has its answer.
func (p Payment) openRefund(refund string) (money.Money, error) {
	if p.status == "" {
		return money.Money{}, ErrNotFound
	}
	open, asked := p.refunds[refund]
	if !asked {
		return money.Money{}, ErrRefundUnknown
	}
	return money.Money{Amount: open, Currency: p.amount.Currency}, nil
}
