package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func submit(payment, method string) decision {
	return func(o order.Order) ([]order.Event, error) { return o.Submit(payment, method, later) }
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]order.Event{
		"that is to be paid later":         happened(created),
		"whose payment is under way":       happened(created, requested),
		"that was paid before":             happened(created, requested, paid),
		"whose payment failed":             happened(created, requested, failed),
		"whose cart and address are fresh": happened(created, order.CartUpdated{Cart: twoPizzas, Total: twenty, At: noon}, order.DeliveryAddressChanged{DeliveryAddress: work, At: noon}),
	} {
		t.Run("places a draft "+name, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(submit("", "")).Then(order.Submitted{At: later})
		})
	}
	for name, history := range map[string][]order.Event{
		"an unpaid draft":              happened(created),
		"a draft whose payment failed": happened(created, requested, failed),
	} {
		t.Run("asks for the total of "+name+" in the same breath", func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(submit("pay-2", "tok_ok")).Then(
				order.Submitted{At: later},
				order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: later},
			)
		})
	}
	refusals(t, submit("", ""), []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"a second time", happened(created, submitted), order.ErrAlreadySubmitted},
		{"once approved", happened(created, submitted, requested, paid, approved), order.ErrAlreadySubmitted},
		{"once shipped", happened(created, submitted, requested, paid, approved, shipped), order.ErrAlreadyShipped},
		{"once completed", happened(created, submitted, requested, paid, approved, shipped, completed), order.ErrCompleted},
		{"once canceled", happened(created, canceled), order.ErrCanceled},
		{"once rejected", happened(created, submitted, requested, paid, rejected), order.ErrRejected},
	})
	t.Run("with a way to pay", func(t *testing.T) {
		t.Parallel()
		refusals(t, submit("pay-2", "tok_ok"), []refusal{
			{"whole while a payment is under way", happened(created, requested), order.ErrPaymentPending},
			{"whole once paid", happened(created, requested, paid), order.ErrAlreadyPaid},
			{"a second time", happened(created, submitted), order.ErrAlreadySubmitted},
		})
	})
}
