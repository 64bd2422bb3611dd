package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func approve() decision {
	return func(o order.Order) ([]order.Event, error) { return o.Approve(later) }
}

func reject(reason string) decision {
	return func(o order.Order) ([]order.Event, error) { return o.Reject(reason, later) }
}

func TestApprove(t *testing.T) {
	t.Parallel()
	t.Run("takes an order that was submitted, then paid", func(t *testing.T) {
		t.Parallel()
		given(t, created, submitted, requested, paid).When(approve()).Then(order.Approved{At: later})
	})
	t.Run("takes an order that was paid, then submitted", func(t *testing.T) {
		t.Parallel()
		given(t, created, requested, paid, submitted).When(approve()).Then(order.Approved{At: later})
	})
	refusals(t, approve(), unjudgeable())
}

func TestReject(t *testing.T) {
	t.Parallel()
	t.Run("refuses an order that was submitted and paid, and says why", func(t *testing.T) {
		t.Parallel()
		given(t, created, submitted, requested, paid).When(reject("no oven")).
			Then(order.Rejected{Reason: "no oven", At: later})
	})
	refusals(t, reject("no oven"), unjudgeable())
}

// unjudgeable are the orders that nobody has to approve or reject.
func unjudgeable() []refusal {
	return []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"before the order is submitted", happened(created), order.ErrNotSubmitted},
		{"before the order is submitted, though paid", happened(created, requested, paid), order.ErrNotSubmitted},
		{"before the order is paid", happened(created, submitted), order.ErrNotPaid},
		{"while the payment is under way", happened(created, submitted, requested), order.ErrNotPaid},
		{"after a payment that failed", happened(created, submitted, requested, failed), order.ErrNotPaid},
		{"once approved", happened(created, submitted, requested, paid, approved), order.ErrAlreadyApproved},
		{"once rejected", happened(created, submitted, requested, paid, rejected), order.ErrRejected},
		{"once shipped", happened(created, submitted, requested, paid, approved, shipped), order.ErrAlreadyShipped},
		{"once completed", happened(created, submitted, requested, paid, approved, shipped, completed), order.ErrCompleted},
		{"once canceled", happened(created, submitted, requested, paid, canceled), order.ErrCanceled},
	}
}
