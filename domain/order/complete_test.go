package order_test

import (
	"testing"
	"time"

	"github.com/millrace/millrace/domain/order"
)

func complete(deliveredAt time.Time) decision {
	return func(o order.Order) ([]order.Event, error) { return o.Complete(deliveredAt, later) }
}

func TestComplete(t *testing.T) {
	t.Parallel()
	shippedOrder := happened(created, submitted, requested, paid, approved, shipped)
	t.Run("ends a shipped order when it was delivered", func(t *testing.T) {
		t.Parallel()
		given(t, shippedOrder...).When(complete(noon.Add(time.Minute))).
			Then(order.Completed{DeliveredAt: noon.Add(time.Minute), At: later})
	})
	t.Run("takes a delivery without a time as one of just now", func(t *testing.T) {
		t.Parallel()
		given(t, shippedOrder...).When(complete(time.Time{})).Then(order.Completed{DeliveredAt: later, At: later})
	})
	t.Run("keeps the time of the delivery in UTC", func(t *testing.T) {
		t.Parallel()
		given(t, shippedOrder...).When(complete(noon.In(time.FixedZone("CET", 3600)))).
			Then(order.Completed{DeliveredAt: noon, At: later})
	})
	refusals(t, complete(noon), []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"for a draft", happened(created), order.ErrNotShipped},
		{"for a submitted order", happened(created, submitted), order.ErrNotShipped},
		{"before the order is shipped", happened(created, submitted, requested, paid, approved), order.ErrNotShipped},
		{"a second time", append(shippedOrder[:6:6], completed), order.ErrCompleted},
		{"once canceled", happened(created, canceled), order.ErrCanceled},
		{"once rejected", happened(created, submitted, requested, paid, rejected), order.ErrRejected},
	})
}
