package payment_test

import (
	"flag"
	"testing"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es/estest"
)

var update = flag.Bool("update", false, "add the golden files that are missing")

var (
	goldenTime   = noon.Add(123_456_000) // microseconds, as the store keeps them
	goldenAmount = euros(money.Max)
)

// written says what each golden file stands for. The values use every field.
var written = map[string]payment.Event{
	"payment.debit_requested.v1":  payment.DebitRequested{PaymentID: "p-1", OrderID: "o-1", Method: "tok_ok", Amount: goldenAmount, At: goldenTime},
	"payment.debited.v1":          payment.Debited{PaymentID: "p-1", OrderID: "o-1", Amount: goldenAmount, Reference: "ch-1", At: goldenTime},
	"payment.declined.v1":         payment.Declined{PaymentID: "p-1", OrderID: "o-1", Reason: "card_declined", At: goldenTime},
	"payment.called_off.v1":       payment.CalledOff{PaymentID: "p-1", OrderID: "o-1", Method: "tok_ok", Amount: goldenAmount, Reason: "payment_timed_out", At: goldenTime},
	"payment.refund_requested.v1": payment.RefundRequested{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: goldenAmount, Reason: "no oven", At: goldenTime},
	"payment.refunded.v1":         payment.Refunded{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: goldenAmount, Reference: "re-1", At: goldenTime},
	"payment.refund_refused.v1":   payment.RefundRefused{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: goldenAmount, Reason: "account_closed", At: goldenTime},
}

func kit() estest.Events[payment.Payment, payment.Event] {
	return estest.Events[payment.Payment, payment.Event]{
		Category: payment.Category, Catalogue: payment.Catalogue(), TypeOf: payment.Event.EventType, Written: written, Add: *update,
	}
}

func TestEveryEventEverWrittenStillDecodes(t *testing.T) { kit().TestStored(t) }

func TestCatalogueListsEveryEvent(t *testing.T) { kit().TestCatalogue(t) }

func TestPaymentHasACaseForEveryEvent(t *testing.T) { kit().TestCases(t) }

func TestEventsAreNamedAfterThePayment(t *testing.T) { kit().TestNames(t) }

func TestEventsSayWhichOrderTheyAreAbout(t *testing.T) {
	for _, e := range written {
		if e.Order() != "o-1" {
			t.Errorf("%T is about order %q, want o-1", e, e.Order())
		}
	}
}

func FuzzCodec(f *testing.F) {
	kit().Fuzz(f, "payment.refunded",
		``, `null`, `[]`, `{"at":null}`, `{"amount":null}`, `{"amount":{"amount":-1}}`, `{"AT":"2025-03-01T12:00:00+23:59"}`)
}
