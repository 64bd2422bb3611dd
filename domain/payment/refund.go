package payment

import (
	"time"

	"github.com/millrace/millrace/domain/money"
)

// Refund decides whether an amount can be asked back, as the refund with the given
// id. The zero Money means all that is left. That can be nothing, when nothing was
// taken for a free order: who asks gets an answer all the same, once. To ask for the
// same refund once more changes nothing, whatever became of it; after it was refused
// the money can be asked back under another id.
func (p Payment) Refund(id string, amount money.Money, reason string, at time.Time) ([]Event, error) {
	all := amount == money.Money{}
	if r, asked := p.refunds[id]; asked {
		if !all && amount != p.money(r.amount) {
			return nil, ErrRefundExists
		}
		return nil, nil
	}
	if err := CheckRefund(amount, reason); err != nil {
		return nil, err
	}
	switch {
	case p.status == "":
		return nil, ErrNotFound
	case p.status != StatusDebited:
		return nil, ErrNotDebited
	case p.left == 0 && p.askedBack():
		return nil, ErrNothingLeft
	}
	if all {
		amount = p.money(p.left)
	}
	switch {
	case amount.Currency != p.amount.Currency:
		return nil, ErrOtherCurrency
	case amount.Amount > p.left:
		return nil, ErrTooMuch
	}
	return []Event{RefundRequested{PaymentID: p.id, OrderID: p.order, RefundID: id, Amount: amount, Reason: reason, At: at}}, nil
}

// ConfirmRefund records that the gateway gave the money of a refund back. To record
// it once more changes nothing.
func (p Payment) ConfirmRefund(id, reference string, at time.Time) ([]Event, error) {
	amount, again, err := p.answer(id, refundGiven)
	if again || err != nil {
		return nil, err
	}
	return []Event{Refunded{PaymentID: p.id, OrderID: p.order, RefundID: id, Amount: amount, Reference: reference, At: at}}, nil
}

// RefuseRefund records that the gateway will not carry out a refund. To record it
// once more changes nothing.
func (p Payment) RefuseRefund(id, reason string, at time.Time) ([]Event, error) {
	amount, again, err := p.answer(id, refundRefused)
	if again || err != nil {
		return nil, err
	}
	return []Event{RefundRefused{PaymentID: p.id, OrderID: p.order, RefundID: id, Amount: amount, Reason: reason, At: at}}, nil
}

// SettleRefund records that the money of a refund that was refused was given back by
// other means, such as a bank transfer, and under which reference. It can be as long as
// nobody else has asked for the money. To record it once more with the same reference
// changes nothing.
func (p Payment) SettleRefund(id, reference string, at time.Time) ([]Event, error) {
	r, asked := p.refunds[id]
	given := r.status == refundGiven || r.status == refundSettled
	if given && r.reference == reference {
		return nil, nil
	}
	if err := CheckSettlement(reference); err != nil {
		return nil, err
	}
	switch {
	case p.status == "":
		return nil, ErrNotFound
	case !asked:
		return nil, ErrRefundUnknown
	case given:
		return nil, ErrRefundAnswered
	case r.status == refundOpen:
		return nil, ErrRefundOpen
	case r.amount > p.left || p.left == 0 && p.askedBack():
		return nil, ErrTooMuch
	}
	return []Event{Refunded{PaymentID: p.id, OrderID: p.order, RefundID: id, Amount: p.money(r.amount), Reference: reference, At: at}}, nil
}

// answer tells whether a refund can have an answer of the gateway, and what it is about;
// again is true when it has had this one before.
func (p Payment) answer(id string, a refundStatus) (amount money.Money, again bool, err error) {
	r, asked := p.refunds[id]
	if r.status == refundSettled {
		r.status = refundRefused // which is what the gateway has said
	}
	switch {
	case p.status == "":
		return money.Money{}, false, ErrNotFound
	case !asked:
		return money.Money{}, false, ErrRefundUnknown
	case r.status != refundOpen && r.status != a:
		return money.Money{}, false, ErrRefundAnswered
	}
	return p.money(r.amount), r.status == a, nil
}

// askedBack tells whether a refund is under way or was carried out.
func (p Payment) askedBack() bool {
	for _, r := range p.refunds {
		if r.status != refundRefused {
			return true
		}
	}
	return false
}

// money is an amount in the currency of the payment.
func (p Payment) money(amount int64) money.Money {
	return money.Money{Amount: amount, Currency: p.amount.Currency}
}
