package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func ship(carrier, tracking string) decision {
	return func(o order.Order) ([]order.Event, error) { return o.Ship(carrier, tracking, later) }
}

func TestShip(t *testing.T) {
	t.Parallel()
	t.Run("sends an approved order", func(t *testing.T) {
		t.Parallel()
		given(t, created, submitted, requested, paid, approved).When(ship("bike", "t-7")).
			Then(order.Shipped{Carrier: "bike", TrackingNumber: "t-7", At: later})
	})
	t.Run("needs neither a carrier nor a tracking number", func(t *testing.T) {
		t.Parallel()
		given(t, created, submitted, requested, paid, approved).When(ship("", "")).Then(order.Shipped{At: later})
	})
	refusals(t, ship("bike", "t-7"), []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"for a draft", happened(created), order.ErrNotApproved},
		{"for a paid draft", happened(created, requested, paid), order.ErrNotApproved},
		{"before the order is approved", happened(created, submitted, requested, paid), order.ErrNotApproved},
		{"a second time", happened(created, submitted, requested, paid, approved, shipped), order.ErrAlreadyShipped},
		{"once completed", happened(created, submitted, requested, paid, approved, shipped, completed), order.ErrCompleted},
		{"once canceled", happened(created, submitted, requested, paid, approved, canceled), order.ErrCanceled},
		{"once rejected", happened(created, submitted, requested, paid, rejected), order.ErrRejected},
	})
}
