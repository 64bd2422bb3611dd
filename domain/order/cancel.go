package order

import (
	"time"

	"github.com/millrace/millrace/domain/rule"
)

// CheckReason returns Invalid for a reason that says nothing, or too much.
func CheckReason(reason string) error { return rule.CheckReason(reason) }

// Cancel decides whether the customer can still call the order off. A payment
// that was taken, or is under way, is given back afterwards.
func (o Order) Cancel(reason string, at time.Time) ([]Event, error) {
	if err := CheckReason(reason); err != nil {
		return nil, err
	}
	if err := o.atHome(); err != nil {
		return nil, err
	}
	return []Event{Canceled{Reason: reason, At: at}}, nil
}
