package payment_test

import (
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
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
	"payment.refund_requested.v1": payment.RefundRequested{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: goldenAmount, Reason: "no oven", At: goldenTime},
	"payment.refunded.v1":         payment.Refunded{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: goldenAmount, Reference: "re-1", At: goldenTime},
	"payment.refund_refused.v1":   payment.RefundRefused{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: goldenAmount, Reason: "account_closed", At: goldenTime},
}

func newCodec(t testing.TB) *es.Codec[payment.Event] {
	t.Helper()
	codec, err := es.NewCodec(payment.Catalogue(), payment.Event.EventType)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func TestEveryEventEverWrittenStillDecodes(t *testing.T) {
	t.Parallel()
	estest.Golden[payment.Event]{
		Dir: "testdata/events", Codec: newCodec(t), Catalogue: payment.Catalogue(), Values: written, Add: *update,
	}.Test(t)
}

func TestCatalogueListsEveryEvent(t *testing.T) {
	t.Parallel()
	if got, want := estest.TypeNames(payment.Catalogue()), estest.TypesWith(t, ".", "isEvent"); !slices.Equal(got, want) {
		t.Errorf("the catalogue lists\n\t%v\nand the source has\n\t%v", got, want)
	}
}

func TestPaymentHasACaseForEveryEvent(t *testing.T) {
	t.Parallel()
	if got, want := estest.CasesOf(t, ".", "Payment", "Evolve"), estest.TypeNames(payment.Catalogue()); !slices.Equal(got, want) {
		t.Errorf("Payment.Evolve has cases for\n\t%v\nand the catalogue lists\n\t%v", got, want)
	}
}

func TestEventsAreNamedAfterThePaymentAndSayWhichOrderTheyAreAbout(t *testing.T) {
	t.Parallel()
	for _, e := range written {
		if !strings.HasPrefix(e.EventType(), payment.Category+".") || strings.ToLower(e.EventType()) != e.EventType() {
			t.Errorf("%T is called %q, want payment. and lower case", e, e.EventType())
		}
		if e.Order() != "o-1" {
			t.Errorf("%T is about order %q, want o-1", e, e.Order())
		}
	}
}

// FuzzCodec wants that no bytes under the name of an event do harm, and that what
// can be read is the same when it has been written and read again.
func FuzzCodec(f *testing.F) {
	codec := newCodec(f)
	for _, e := range written {
		name, _, data, err := codec.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, []byte(data))
	}
	for _, data := range []string{``, `null`, `[]`, `{"at":null}`, `{"amount":null}`, `{"amount":{"amount":-1}}`, `{"AT":"2025-03-01T12:00:00+23:59"}`} {
		f.Add("payment.refunded", []byte(data))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		read, err := codec.Decode(name, 1, data)
		if err != nil {
			return
		}
		name, schema, first, err := codec.Encode(read)
		if err != nil {
			t.Fatalf("encode %+v: %v", read, err)
		}
		again, err := codec.Decode(name, schema, first)
		if err != nil {
			t.Fatalf("decode %s: %v", first, err)
		}
		if !reflect.DeepEqual(again, read) {
			t.Errorf("%s was\n\t%+v\nand is\n\t%+v", data, read, again)
		}
	})
}
