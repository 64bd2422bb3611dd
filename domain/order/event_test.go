package order_test

import (
	"encoding/json"
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

var update = flag.Bool("update", false, "add the golden files that are missing")

// written says what each golden file stands for. The values use every field.
var written = map[string]order.Event{
	"order.created.v1": order.Created{
		CustomerID: "c-42", Email: "ann@example.com", Cart: goldenCart, Total: goldenTotal, DeliveryAddress: work, At: goldenTime,
	},
	"order.cart_updated.v1":             order.CartUpdated{Cart: goldenCart, Total: goldenTotal, At: goldenTime},
	"order.delivery_address_changed.v1": order.DeliveryAddressChanged{DeliveryAddress: work, At: goldenTime},
	"order.submitted.v1":                order.Submitted{At: goldenTime},
	"order.payment_requested.v1":        order.PaymentRequested{PaymentID: "pay-1", Method: "tok_ok", Amount: goldenTotal, At: goldenTime},
	"order.paid.v1":                     order.Paid{PaymentID: "pay-1", Amount: goldenTotal, At: goldenTime},
	"order.payment_failed.v1":           order.PaymentFailed{PaymentID: "pay-1", Reason: "no funds", At: goldenTime},
	"order.approved.v1":                 order.Approved{At: goldenTime},
	"order.rejected.v1":                 order.Rejected{Reason: "no oven", At: goldenTime},
	"order.shipped.v1":                  order.Shipped{Carrier: "bike", TrackingNumber: "t-7", At: goldenTime},
	"order.completed.v1":                order.Completed{DeliveredAt: later, At: goldenTime},
	"order.canceled.v1":                 order.Canceled{Reason: "not hungry", At: goldenTime},
	"order.refunded.v1":                 order.Refunded{PaymentID: "pay-1", Amount: goldenTotal, At: goldenTime},
}

var (
	goldenTime  = noon.Add(123_456_000) // microseconds, as the store keeps them
	goldenTotal = order.Money{Amount: order.MaxAmount, Currency: "EUR"}
	goldenCart  = order.Cart{
		{ProductID: "p-1", Title: "Margherita 🍕", Description: "tomato & <mozzarella>", Quantity: 2, UnitPrice: order.Money{Amount: 950, Currency: "EUR"}},
		{ProductID: "p-2", Title: "Café", Description: "black", Quantity: 1, UnitPrice: order.Money{Amount: 250, Currency: "EUR"}},
	}
)

func newCodec(t testing.TB) *es.Codec[order.Event] {
	t.Helper()
	codec, err := es.NewCodec(order.Catalogue(), order.Event.EventType)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func TestEveryEventEverWrittenStillDecodes(t *testing.T) {
	t.Parallel()
	estest.Golden[order.Event]{
		Dir: "testdata/events", Codec: newCodec(t), Catalogue: order.Catalogue(), Values: written, Add: *update,
	}.Test(t)
}

// What is optional is not written when it is not there, so that an event looks
// the same before and after the field was invented.
func TestEventsLeaveOutWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		event order.Event
		want  string
	}{
		{order.Shipped{At: noon}, `{"at":"2025-03-01T12:00:00Z"}`},
		{order.DeliveryAddressChanged{DeliveryAddress: home, At: noon}, `{"delivery_address":{"name":"Ann","line1":"Dam 1",` +
			`"postal_code":"1012 JS","city":"Amsterdam","country":"NL"},"at":"2025-03-01T12:00:00Z"}`},
		{order.CartUpdated{Cart: onePizza, Total: ten, At: noon}, `{"items":[{"product_id":"p-1","title":"Margherita","quantity":1,` +
			`"unit_price":{"amount":1000,"currency":"EUR"}}],"total":{"amount":1000,"currency":"EUR"},"at":"2025-03-01T12:00:00Z"}`},
	} {
		if _, _, got, err := newCodec(t).Encode(test.event); err != nil || string(got) != test.want {
			t.Errorf("%s is written as\n\t%s (%v)\nwant\n\t%s", test.event.EventType(), got, err, test.want)
		}
	}
}

func TestCatalogueListsEveryEvent(t *testing.T) {
	t.Parallel()
	if got, want := estest.TypeNames(order.Catalogue()), estest.TypesWith(t, ".", "isEvent"); !slices.Equal(got, want) {
		t.Errorf("the catalogue lists\n\t%v\nand the source has\n\t%v", got, want)
	}
}

func TestOrderHasACaseForEveryEvent(t *testing.T) {
	t.Parallel()
	if got, want := estest.CasesOf(t, ".", "Order", "Evolve"), estest.TypeNames(order.Catalogue()); !slices.Equal(got, want) {
		t.Errorf("Order.Evolve has cases for\n\t%v\nand the catalogue lists\n\t%v", got, want)
	}
}

func TestEventsAreNamedAfterTheOrder(t *testing.T) {
	t.Parallel()
	for _, e := range order.Catalogue() {
		if !strings.HasPrefix(e.EventType(), "order.") || strings.ToLower(e.EventType()) != e.EventType() {
			t.Errorf("%T is called %q, want order. and lower case", e, e.EventType())
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
	for _, data := range []string{``, `null`, `[]`, `{"at":null}`, `{"at":"24:00"}`, `{"items":[null,{}]}`, `{"AT":"2025-03-01T12:00:00+23:59"}`} {
		f.Add("order.created", []byte(data))
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
		if es.Fold(order.Order{}, again) != es.Fold(order.Order{}, read) {
			t.Errorf("the order folds %s differently from %s", first, json.RawMessage(data))
		}
	})
}
