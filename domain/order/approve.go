package order

import "time"

// Approve decides whether the order will be made: it was submitted and paid.
func (o Order) Approve(at time.Time) ([]Event, error) {
	if err := o.judgeable(); err != nil {
		return nil, err
	}
	return []Event{Approved{At: at}}, nil
}

// Reject decides whether the order can be refused. It is open to the same
// orders as Approve.
func (o Order) Reject(reason string, at time.Time) ([]Event, error) {
	if err := o.judgeable(); err != nil {
		return nil, err
	}
	return []Event{Rejected{Reason: reason, At: at}}, nil
}

func (o Order) judgeable() error {
	if err := o.atHome(); err != nil {
		return err
	}
	switch {
	case o.status == StatusDraft:
		return ErrNotSubmitted
	case o.status == StatusApproved:
		return ErrAlreadyApproved
	case o.payment != PaymentTaken:
		return ErrNotPaid
	}
	return nil
}
