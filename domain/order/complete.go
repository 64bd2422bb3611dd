package order

import (
	"time"

	"github.com/millrace/millrace/domain/rule"
)

// CheckDeliveredAt returns Invalid for a time of delivery that cannot be meant.
func CheckDeliveredAt(t time.Time) error {
	var v rule.Violations
	year := t.UTC().Year()
	v.Require(year >= 1970 && year <= 9999, "/delivered_at", "must lie in the years 1970 to 9999")
	return v.Err()
}

// Complete decides whether the order can have reached the customer. A zero
// deliveredAt means just now.
func (o Order) Complete(deliveredAt, at time.Time) ([]Event, error) {
	if deliveredAt.IsZero() {
		deliveredAt = at
	}
	if err := CheckDeliveredAt(deliveredAt); err != nil {
		return nil, err
	}
	if err := o.over(); err != nil {
		return nil, err
	}
	if o.status != StatusShipped {
		return nil, ErrNotShipped
	}
	return []Event{Completed{DeliveredAt: deliveredAt.UTC(), At: at}}, nil
}
