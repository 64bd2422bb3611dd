package order

import "time"

// Cancel decides whether the customer can still call the order off. A payment
// that was taken, or is under way, is given back afterwards.
func (o Order) Cancel(reason string, at time.Time) ([]Event, error) {
	if err := o.atHome(); err != nil {
		return nil, err
	}
	return []Event{Canceled{Reason: reason, At: at}}, nil
}
