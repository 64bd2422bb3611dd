package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func changeAddress(to order.Address) decision {
	return func(o order.Order) ([]order.Event, error) { return o.ChangeDeliveryAddress(to, later) }
}

func TestChangeDeliveryAddress(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]order.Event{
		"of a draft":              happened(created),
		"of a paid draft":         happened(created, requested, paid),
		"of a submitted order":    happened(created, submitted),
		"of an approved order":    happened(created, submitted, requested, paid, approved),
		"that was changed before": happened(created, order.DeliveryAddressChanged{DeliveryAddress: work, At: noon}),
	} {
		t.Run("changes the address "+name, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(changeAddress(work)).
				Then(order.DeliveryAddressChanged{DeliveryAddress: work, At: later})
		})
	}
	refusals(t, changeAddress(work), []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"once shipped", happened(created, submitted, requested, paid, approved, shipped), order.ErrAlreadyShipped},
		{"once completed", happened(created, submitted, requested, paid, approved, shipped, completed), order.ErrCompleted},
		{"once canceled", happened(created, canceled), order.ErrCanceled},
		{"once rejected", happened(created, submitted, requested, paid, rejected), order.ErrRejected},
	})
	t.Run("refuses an address nothing can be delivered to", func(t *testing.T) {
		t.Parallel()
		nowhere := home
		nowhere.City = " "
		given(t, created).When(changeAddress(nowhere)).ThenRejected(order.Invalid{
			Code: "invalid_request", Violations: []order.Violation{{Pointer: "/city", Detail: "must not be blank"}},
		})
	})
}
