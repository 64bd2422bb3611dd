package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func create(d order.Draft) decision {
	return func(o order.Order) ([]order.Event, error) { return o.Create(d, later) }
}

func TestCreate(t *testing.T) {
	t.Parallel()
	t.Run("takes a draft as it is and adds up what it costs", func(t *testing.T) {
		t.Parallel()
		d := draft
		d.Cart = twoPizzas
		given(t).When(create(d)).Then(order.Created{
			CustomerID: "c-42", Email: "ann@example.com", Cart: twoPizzas, Total: twenty,
			DeliveryAddress: home, At: later,
		})
	})
	refusals(t, create(draft), []refusal{
		{"when the order is there already", happened(created), order.ErrExists},
		{"when the order was there once", happened(created, canceled), order.ErrExists},
	})
	t.Run("says that the order exists even to a draft that makes none", func(t *testing.T) {
		t.Parallel()
		given(t, created).When(create(order.Draft{})).ThenRejected(order.ErrExists)
	})
	t.Run("refuses an empty draft and says where it is wrong", func(t *testing.T) {
		t.Parallel()
		given(t).When(create(order.Draft{})).ThenRejected(order.Invalid{Code: "invalid_request", Violations: []order.Violation{
			{Pointer: "/customer_id", Detail: "must not be blank"},
			{Pointer: "/email", Detail: "must be an e-mail address of at most 254 characters"},
			{Pointer: "/delivery_address/name", Detail: "must not be blank"},
			{Pointer: "/delivery_address/line1", Detail: "must not be blank"},
			{Pointer: "/delivery_address/postal_code", Detail: "must not be blank"},
			{Pointer: "/delivery_address/city", Detail: "must not be blank"},
			{Pointer: "/delivery_address/country", Detail: "must be two capital letters, as in ISO 3166-1"},
		}})
	})
	t.Run("refuses an empty cart", func(t *testing.T) {
		t.Parallel()
		d := draft
		d.Cart = nil
		given(t).When(create(d)).ThenRejected(order.Invalid{Code: "invalid_request", Violations: []order.Violation{
			{Pointer: "/items", Detail: "must hold at least 1 line"},
		}})
	})
}
