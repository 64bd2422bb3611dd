package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func refund(payment string) decision {
	return func(o order.Order) ([]order.Event, error) { return o.Refund(payment, later) }
}

func TestRefund(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]order.Event{
		"canceled after it was paid": happened(created, requested, paid, canceled),
		"paid after it was canceled": happened(created, requested, canceled, paid),
		"rejected":                   happened(created, submitted, requested, paid, rejected),
		"canceled once approved":     happened(created, submitted, requested, paid, approved, canceled),
	} {
		t.Run("gives back the total of an order that was "+name, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(refund("pay-1")).Then(order.Refunded{PaymentID: "pay-1", Amount: ten, At: later})
		})
	}
	second := order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: noon}
	refusals(t, refund("pay-1"), []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"for a draft", happened(created), order.ErrNothingToRefund},
		{"while the order goes on", happened(created, submitted, requested, paid), order.ErrNothingToRefund},
		{"once shipped", happened(created, submitted, requested, paid, approved, shipped), order.ErrNothingToRefund},
		{"once completed", happened(created, submitted, requested, paid, approved, shipped, completed), order.ErrNothingToRefund},
		{"when nothing was taken", happened(created, canceled), order.ErrNothingToRefund},
		{"while the payment is under way", happened(created, requested, canceled), order.ErrNothingToRefund},
		{"when the payment failed", happened(created, requested, failed, canceled), order.ErrNothingToRefund},
		{"a second time", happened(created, requested, paid, canceled, refunded), order.ErrNothingToRefund},
		{"for a payment that another one replaced", happened(created, requested, failed, second,
			order.Paid{PaymentID: "pay-2", Amount: ten, At: noon}, canceled), order.ErrNothingToRefund},
	})
}
