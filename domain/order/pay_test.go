package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func pay(payment, method string) decision {
	return func(o order.Order) ([]order.Event, error) { return o.Pay(payment, method, later) }
}

func confirm(payment string) decision {
	return func(o order.Order) ([]order.Event, error) { return o.ConfirmPayment(payment, later) }
}

func decline(payment, reason string) decision {
	return func(o order.Order) ([]order.Event, error) { return o.DeclinePayment(payment, reason, later) }
}

func TestPay(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]order.Event{
		"of a draft":                       happened(created),
		"of a submitted order":             happened(created, submitted),
		"of a draft again, once it failed": happened(created, requested, failed),
		"again, once it failed":            happened(created, submitted, requested, failed),
	} {
		t.Run("asks for the total "+name, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(pay("pay-2", "tok_ok")).
				Then(order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: later})
		})
	}
	refusals(t, pay("pay-2", "tok_ok"), []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"while a payment is under way", happened(created, requested), order.ErrPaymentPending},
		{"once paid", happened(created, requested, paid), order.ErrAlreadyPaid},
		{"once approved", happened(created, submitted, requested, paid, approved), order.ErrAlreadyPaid},
		{"once shipped", happened(created, submitted, requested, paid, approved, shipped), order.ErrAlreadyShipped},
		{"once completed", happened(created, submitted, requested, paid, approved, shipped, completed), order.ErrCompleted},
		{"once canceled", happened(created, canceled), order.ErrCanceled},
		{"once rejected", happened(created, submitted, requested, paid, rejected), order.ErrRejected},
	})
}

func TestConfirmPayment(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]order.Event{
		"of a draft":                   happened(created, requested),
		"of a submitted order":         happened(created, submitted, requested),
		"that comes after the cancel":  happened(created, requested, canceled),
		"that was tried a second time": happened(created, requested, failed, requested),
	} {
		t.Run("records the payment "+name, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(confirm("pay-1")).Then(order.Paid{PaymentID: "pay-1", Amount: ten, At: later})
		})
	}
	refusals(t, confirm("pay-1"), unawaited())
}

func TestDeclinePayment(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]order.Event{
		"of a draft":                  happened(created, requested),
		"of a submitted order":        happened(created, submitted, requested),
		"that comes after the cancel": happened(created, requested, canceled),
	} {
		t.Run("records the failure of the payment "+name, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(decline("pay-1", "no funds")).
				Then(order.PaymentFailed{PaymentID: "pay-1", Reason: "no funds", At: later})
		})
	}
	refusals(t, decline("pay-1", "no funds"), unawaited())
}

// unawaited are the orders that do not wait for the payment pay-1.
func unawaited() []refusal {
	second := order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: noon}
	return []refusal{
		{"without an order", nil, order.ErrNotFound},
		{"when no payment was requested", happened(created), order.ErrPaymentUnknown},
		{"when another payment was requested", happened(created, second), order.ErrPaymentUnknown},
		{"when another attempt followed", happened(created, requested, failed, second), order.ErrPaymentUnknown},
		{"when the payment was taken before", happened(created, requested, paid), order.ErrPaymentUnknown},
		{"when the payment failed before", happened(created, requested, failed), order.ErrPaymentUnknown},
		{"when the payment was given back", happened(created, requested, paid, canceled, refunded), order.ErrPaymentUnknown},
	}
}
