package order

import "time"

// Refund records that the customer has the money back, which is due when the
// order ended after it was paid.
func (o Order) Refund(payment string, at time.Time) ([]Event, error) {
	switch {
	case o.status == "":
		return nil, ErrNotFound
	case o.payment != PaymentTaken || o.paymentID != payment:
		return nil, ErrNothingToRefund
	case o.status != StatusCanceled && o.status != StatusRejected:
		return nil, ErrNothingToRefund
	}
	return []Event{Refunded{PaymentID: payment, Amount: o.total, At: at}}, nil
}
