package order

import "time"

// Submit decides whether the customer can place the order as it is. With a way
// to pay, payment is requested in the same breath, as the payment with the given
// id; without one the order has been paid for already or will be paid later.
func (o Order) Submit(payment, method string, at time.Time) ([]Event, error) {
	if err := o.atHome(); err != nil {
		return nil, err
	}
	if o.status != StatusDraft {
		return nil, ErrAlreadySubmitted
	}
	events := []Event{Submitted{At: at}}
	if method == "" {
		return events, nil
	}
	if err := o.payable(); err != nil {
		return nil, err
	}
	return append(events, PaymentRequested{PaymentID: payment, Method: method, Amount: o.total, At: at}), nil
}
