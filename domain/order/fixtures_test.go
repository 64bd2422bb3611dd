package order_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es/estest"
)

// What the tests have in common: two moments, two carts, two addresses, and what
// happened at noon to the order that most scenarios are about.
var (
	noon  = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)

	ten    = order.Money{Amount: 1000, Currency: "EUR"}
	twenty = order.Money{Amount: 2000, Currency: "EUR"}

	onePizza  = order.Cart{{ProductID: "p-1", Title: "Margherita", Quantity: 1, UnitPrice: ten}}
	twoPizzas = order.Cart{{ProductID: "p-1", Title: "Margherita", Quantity: 2, UnitPrice: ten}}

	home = order.Address{Name: "Ann", Line1: "Dam 1", PostalCode: "1012 JS", City: "Amsterdam", Country: "NL"}
	work = order.Address{Name: "Ann", Line1: "Coolsingel 2", Line2: "2nd floor", PostalCode: "3011 AD", City: "Rotterdam", Country: "NL"}

	draft = order.Draft{CustomerID: "c-42", Email: "ann@example.com", Cart: onePizza, DeliveryAddress: home}

	created = order.Created{
		CustomerID: "c-42", Email: "ann@example.com", Cart: onePizza, Total: ten, DeliveryAddress: home, At: noon,
	}
	submitted = order.Submitted{At: noon}
	requested = order.PaymentRequested{PaymentID: "pay-1", Method: "tok_ok", Amount: ten, At: noon}
	paid      = order.Paid{PaymentID: "pay-1", Amount: ten, At: noon}
	failed    = order.PaymentFailed{PaymentID: "pay-1", Reason: "no funds", At: noon}
	approved  = order.Approved{At: noon}
	rejected  = order.Rejected{Reason: "no oven", At: noon}
	shipped   = order.Shipped{Carrier: "bike", TrackingNumber: "t-7", At: noon}
	completed = order.Completed{DeliveredAt: noon, At: noon}
	canceled  = order.Canceled{Reason: "not hungry", At: noon}
	refunded  = order.Refunded{PaymentID: "pay-1", Amount: ten, At: noon}
)

// decision is a command with its arguments filled in.
type decision = func(order.Order) ([]order.Event, error)

// given starts a scenario about an order to which some things have happened.
func given(t *testing.T, history ...order.Event) estest.Scenario[order.Order, order.Event] {
	return estest.Given[order.Order](t, history...)
}

// refusals runs a scenario per rejection: what had happened, and what the order
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
	history []order.Event
	with    order.Rejection
}

// happened lists what happened to an order, oldest first.
func happened(events ...order.Event) []order.Event { return events }

// types are the names of events, without what they all have in common.
func types(events []order.Event) []string {
	var names []string
	for _, e := range events {
		names = append(names, strings.TrimPrefix(e.EventType(), "order."))
	}
	return names
}
