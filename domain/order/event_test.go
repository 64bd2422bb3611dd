package order_test

import (
	"flag"
	"testing"

	"github.com/millrace/millrace/domain/order"
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

func kit() estest.Events[order.Order, order.Event] {
	return estest.Events[order.Order, order.Event]{
		Category: "order", Catalogue: order.Catalogue(), TypeOf: order.Event.EventType, Written: written, Add: *update,
	}
}

func TestEveryEventEverWrittenStillDecodes(t *testing.T) { kit().TestStored(t) }

func TestCatalogueListsEveryEvent(t *testing.T) { kit().TestCatalogue(t) }

func TestOrderHasACaseForEveryEvent(t *testing.T) { kit().TestCases(t) }

func TestEventsAreNamedAfterTheOrder(t *testing.T) { kit().TestNames(t) }

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
		if _, _, got, err := kit().Codec(t).Encode(test.event); err != nil || string(got) != test.want {
			t.Errorf("%s is written as\n\t%s (%v)\nwant\n\t%s", test.event.EventType(), got, err, test.want)
		}
	}
}

func FuzzCodec(f *testing.F) {
	kit().Fuzz(f, "order.created",
		``, `null`, `[]`, `{"at":null}`, `{"at":"24:00"}`, `{"items":[null,{}]}`, `{"AT":"2025-03-01T12:00:00+23:59"}`, `{"AT":"0000-01-01T0:00:00+00:00"}`)
}
