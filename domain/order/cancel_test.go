package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func cancel(reason string) decision {
	return func(o order.Order) ([]order.Event, error) { return o.Cancel(reason, later) }
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]order.Event{
		"a draft":                         happened(created),
		"a draft whose payment is coming": happened(created, requested),
		"a draft whose payment failed":    happened(created, requested, failed),
		"a paid draft":                    happened(created, requested, paid),
		"a submitted order":               happened(created, submitted),
		"a submitted and paid order":      happened(created, submitted, requested, paid),
		"an approved order":               happened(created, submitted, requested, paid, approved),
	} {
		t.Run("calls off "+name, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(cancel("not hungry")).Then(order.Canceled{Reason: "not hungry", At: later})
		})
	}
	refusals(t, cancel("not hungry"), []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"once shipped", happened(created, submitted, requested, paid, approved, shipped), order.ErrAlreadyShipped},
		{"once completed", happened(created, submitted, requested, paid, approved, shipped, completed), order.ErrCompleted},
		{"a second time", happened(created, canceled), order.ErrCanceled},
		{"once rejected", happened(created, submitted, requested, paid, rejected), order.ErrRejected},
	})
}
