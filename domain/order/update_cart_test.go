package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func updateCart(c order.Cart) decision {
	return func(o order.Order) ([]order.Event, error) { return o.UpdateCart(c, later) }
}

func TestUpdateCart(t *testing.T) {
	t.Parallel()
	t.Run("replaces the cart of a draft and its total", func(t *testing.T) {
		t.Parallel()
		given(t, created).When(updateCart(twoPizzas)).Then(order.CartUpdated{Cart: twoPizzas, Total: twenty, At: later})
	})
	t.Run("has the new total asked for", func(t *testing.T) {
		t.Parallel()
		given(t, created, order.CartUpdated{Cart: twoPizzas, Total: twenty, At: noon}).When(pay("pay-1", "tok_ok")).
			Then(order.PaymentRequested{PaymentID: "pay-1", Method: "tok_ok", Amount: twenty, At: later})
	})
	refusals(t, updateCart(twoPizzas), []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"once payment was requested", happened(created, requested), order.ErrCartFrozen},
		{"once paid", happened(created, requested, paid), order.ErrCartFrozen},
		{"after a payment that failed", happened(created, requested, failed), order.ErrCartFrozen},
		{"once submitted", happened(created, submitted), order.ErrCartFrozen},
		{"once shipped", happened(created, submitted, requested, paid, approved, shipped), order.ErrCartFrozen},
		{"once completed", happened(created, submitted, requested, paid, approved, shipped, completed), order.ErrCompleted},
		{"once canceled", happened(created, canceled), order.ErrCanceled},
		{"once rejected", happened(created, submitted, requested, paid, rejected), order.ErrRejected},
	})
	t.Run("keeps the order in its currency", func(t *testing.T) {
		t.Parallel()
		dollars := order.Cart{{ProductID: "p-1", Title: "Margherita", Quantity: 1, UnitPrice: order.Money{Amount: 1, Currency: "USD"}}}
		given(t, created).When(updateCart(dollars)).ThenRejected(order.ErrCurrencyMismatch)
	})
	t.Run("refuses a cart that cannot be ordered", func(t *testing.T) {
		t.Parallel()
		given(t, created).When(updateCart(order.Cart{})).ThenRejected(order.Invalid{
			Code: "invalid_request", Violations: []order.Violation{{Pointer: "/items", Detail: "must hold at least 1 line"}},
		})
	})
}
