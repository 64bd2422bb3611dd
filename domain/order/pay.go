package order

import "time"

// Pay decides whether the order's total can be asked for, as the payment with
// the given id. A payment that failed may be tried again.
func (o Order) Pay(payment, method string, at time.Time) ([]Event, error) {
	if err := o.atHome(); err != nil {
		return nil, err
	}
	if err := o.payable(); err != nil {
		return nil, err
	}
	return []Event{PaymentRequested{PaymentID: payment, Method: method, Amount: o.total, At: at}}, nil
}

// payable says no when the money is here or on its way.
func (o Order) payable() error {
	switch o.payment {
	case PaymentPending:
		return ErrPaymentPending
	case PaymentTaken:
		return ErrAlreadyPaid
	}
	return nil
}

// ConfirmPayment records that a requested payment was taken. It says so for an
// order in any state: money that arrives after a cancellation is a fact too, and
// has to be given back.
func (o Order) ConfirmPayment(payment string, at time.Time) ([]Event, error) {
	if err := o.awaits(payment); err != nil {
		return nil, err
	}
	return []Event{Paid{PaymentID: payment, Amount: o.total, At: at}}, nil
}

// DeclinePayment records that a requested payment was not taken.
func (o Order) DeclinePayment(payment, reason string, at time.Time) ([]Event, error) {
	if err := o.awaits(payment); err != nil {
		return nil, err
	}
	return []Event{PaymentFailed{PaymentID: payment, Reason: reason, At: at}}, nil
}

func (o Order) awaits(payment string) error {
	switch {
	case o.status == "":
		return ErrNotFound
	case o.payment != PaymentPending || o.paymentID != payment:
		return ErrPaymentUnknown
	}
	return nil
}
