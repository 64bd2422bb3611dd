package order

import "time"

// Complete decides whether the order can have reached the customer. A zero
// deliveredAt means just now.
func (o Order) Complete(deliveredAt, at time.Time) ([]Event, error) {
	if err := o.over(); err != nil {
		return nil, err
	}
	if o.status != StatusShipped {
		return nil, ErrNotShipped
	}
	if deliveredAt.IsZero() {
		deliveredAt = at
	}
	return []Event{Completed{DeliveredAt: deliveredAt.UTC(), At: at}}, nil
}
