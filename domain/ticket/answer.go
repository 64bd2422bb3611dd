package ticket

import (
	"time"

	"github.com/millrace/millrace/domain/rule"
)

// Accept decides whether the restaurant can say that it makes the order.
func (t Ticket) Accept(at time.Time) ([]Event, error) {
	if err := t.answerable(); err != nil {
		return nil, err
	}
	return []Event{Accepted{OrderID: t.order, At: at}}, nil
}

// CheckReason returns Invalid for a reason that says nothing, or too much.
func CheckReason(reason string) error { return rule.CheckReason(reason) }

// Reject decides whether the restaurant can say that it does not make the order.
func (t Ticket) Reject(reason string, at time.Time) ([]Event, error) {
	if err := CheckReason(reason); err != nil {
		return nil, err
	}
	if err := t.answerable(); err != nil {
		return nil, err
	}
	return []Event{Rejected{OrderID: t.order, Reason: reason, At: at}}, nil
}
