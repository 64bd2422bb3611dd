package order

import "time"

// Ship decides whether the order can leave the house. Carrier and tracking
// number may be empty.
func (o Order) Ship(carrier, tracking string, at time.Time) ([]Event, error) {
	if err := o.atHome(); err != nil {
		return nil, err
	}
	if o.status != StatusApproved {
		return nil, ErrNotApproved
	}
	return []Event{Shipped{Carrier: carrier, TrackingNumber: tracking, At: at}}, nil
}
