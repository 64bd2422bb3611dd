package payment_test

import (
	"testing"
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/rule"
	"github.com/millrace/millrace/internal/es/estest"
)

// What the tests have in common: two moments, some amounts, and what happened at noon
// to the payment of 10 euros for order o-1 that most scenarios are about.
var (
	noon  = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)

	all  = money.Money{} // of what is left
	free = euros(0)
	four = euros(400)
	six  = euros(600)
	ten  = euros(1000)

	requested = payment.DebitRequested{PaymentID: "p-1", OrderID: "o-1", Method: "tok_ok", Amount: ten, At: noon}
	debited   = payment.Debited{PaymentID: "p-1", OrderID: "o-1", Amount: ten, Reference: "ch-1", At: noon}
	declined  = payment.Declined{PaymentID: "p-1", OrderID: "o-1", Reason: "card_declined", At: noon}

	calledOff = payment.CalledOff{PaymentID: "p-1", OrderID: "o-1", Method: "tok_ok", Amount: ten, Reason: "payment_timed_out", At: noon}

	freeRequested = payment.DebitRequested{PaymentID: "p-1", OrderID: "o-1", Method: "tok_ok", Amount: free, At: noon}
	freeDebited   = payment.Debited{PaymentID: "p-1", OrderID: "o-1", Amount: free, Reference: "ch-1", At: noon}
	freeCalledOff = payment.CalledOff{PaymentID: "p-1", OrderID: "o-1", Method: "tok_ok", Amount: free, Reason: "payment_timed_out", At: noon}
)

// euros is an amount in cents.
func euros(cents int64) money.Money { return money.Money{Amount: cents, Currency: "EUR"} }

// asked, given back and refused are what happens to a refund.
func asked(refund string, amount money.Money) payment.Event {
	return payment.RefundRequested{PaymentID: "p-1", OrderID: "o-1", RefundID: refund, Amount: amount, Reason: "no oven", At: noon}
}

func givenBack(refund string, amount money.Money) payment.Event {
	return payment.Refunded{PaymentID: "p-1", OrderID: "o-1", RefundID: refund, Amount: amount, Reference: "re-1", At: noon}
}

func refused(refund string, amount money.Money) payment.Event {
	return payment.RefundRefused{PaymentID: "p-1", OrderID: "o-1", RefundID: refund, Amount: amount, Reason: "account_closed", At: noon}
}

// settled is what happens to a refund that was refused.
func settled(refund string, amount money.Money) payment.Event {
	return payment.Refunded{PaymentID: "p-1", OrderID: "o-1", RefundID: refund, Amount: amount, Reference: "transfer-1", At: noon}
}

// decision is a command with its arguments filled in.
type decision = func(payment.Payment) ([]payment.Event, error)

// given starts a scenario about a payment to which some things have happened.
func given(t *testing.T, history ...payment.Event) estest.Scenario[payment.Payment, payment.Event] {
	return estest.Given[payment.Payment](t, history...)
}

// happened lists what happened to a payment, oldest first.
func happened(events ...payment.Event) []payment.Event { return events }

// refusals runs a scenario per rejection: what had happened, and what the payment
// says to the decision then.
func refusals(t *testing.T, decide decision, table []refusal) {
	t.Helper()
	for _, r := range table {
		t.Run("is refused "+r.when, func(t *testing.T) {
			t.Parallel()
			given(t, r.history...).When(decide).ThenRejected(r.with)
		})
	}
}

type refusal struct {
	when    string
	history []payment.Event
	with    rule.Rejection
}

// repetitions runs a scenario for each time that the decision was made before.
func repetitions(t *testing.T, decide decision, table map[string][]payment.Event) {
	t.Helper()
	for when, history := range table {
		t.Run("changes nothing "+when, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(decide).Then()
		})
	}
}
