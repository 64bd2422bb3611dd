package query_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

var (
	noon     = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	ten      = order.Money{Amount: 1000, Currency: "EUR"}
	twenty   = order.Money{Amount: 2000, Currency: "EUR"}
	onePizza = order.Cart{{ProductID: "p-1", Title: "Margherita", Quantity: 1, UnitPrice: ten}}
	twoPizza = order.Cart{{ProductID: "p-1", Title: "Margherita", Quantity: 2, UnitPrice: ten}}
	home     = order.Address{Name: "Ann", Line1: "Dam 1", PostalCode: "1012 JS", City: "Amsterdam", Country: "NL"}
	work     = order.Address{Name: "Ann", Line1: "Coolsingel 2", PostalCode: "3011 AD", City: "Rotterdam", Country: "NL"}
	created  = order.Created{CustomerID: "c-42", Email: "ann@example.com", Cart: onePizza, Total: ten, DeliveryAddress: home, At: noon}
)

// minute returns a time some minutes after the order was created.
func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

var lives = map[string][]step[query.Order, order.Event]{
	"a delivered order": {
		{created, func(v *query.Order) {
			*v = query.Order{
				CustomerID: "c-42", Email: "ann@example.com", Status: "draft", PaymentStatus: "unpaid",
				Items: onePizza, Total: ten, DeliveryAddress: home, CreatedAt: noon, UpdatedAt: noon,
			}
		}},
		{order.CartUpdated{Cart: twoPizza, Total: twenty, At: minute(1)}, func(v *query.Order) {
			v.Items, v.Total, v.UpdatedAt = twoPizza, twenty, minute(1)
		}},
		{order.DeliveryAddressChanged{DeliveryAddress: work, At: minute(2)}, func(v *query.Order) {
			v.DeliveryAddress, v.UpdatedAt = work, minute(2)
		}},
		{order.Submitted{At: minute(3)}, func(v *query.Order) {
			v.Status, v.SubmittedAt, v.UpdatedAt = "submitted", minute(3), minute(3)
		}},
		{order.PaymentRequested{PaymentID: "pay-1", Method: "tok_declined", Amount: twenty, At: minute(4)}, func(v *query.Order) {
			v.PaymentStatus, v.PaymentID, v.UpdatedAt = "requested", "pay-1", minute(4)
		}},
		{order.PaymentFailed{PaymentID: "pay-1", Reason: "no funds", At: minute(5)}, func(v *query.Order) {
			v.PaymentStatus, v.PaymentFailure, v.UpdatedAt = "failed", "no funds", minute(5)
		}},
		{order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: twenty, At: minute(6)}, func(v *query.Order) {
			v.PaymentStatus, v.PaymentID, v.PaymentFailure, v.UpdatedAt = "requested", "pay-2", "", minute(6)
		}},
		{order.Paid{PaymentID: "pay-2", Amount: twenty, At: minute(7)}, func(v *query.Order) {
			v.PaymentStatus, v.UpdatedAt = "paid", minute(7)
		}},
		{order.Approved{At: minute(8)}, func(v *query.Order) {
			v.Status, v.ApprovedAt, v.UpdatedAt = "approved", minute(8), minute(8)
		}},
		{order.Shipped{Carrier: "bike", TrackingNumber: "t-7", At: minute(9)}, func(v *query.Order) {
			v.Status, v.Carrier, v.TrackingNumber, v.ShippedAt, v.UpdatedAt = "shipped", "bike", "t-7", minute(9), minute(9)
		}},
		{order.Completed{DeliveredAt: minute(10), At: minute(11)}, func(v *query.Order) {
			v.Status, v.DeliveredAt, v.UpdatedAt = "completed", minute(10), minute(11)
		}},
	},
	"a rejected order": {
		{order.Rejected{Reason: "no oven", At: minute(1)}, func(v *query.Order) {
			v.Status, v.RejectReason, v.UpdatedAt = "rejected", "no oven", minute(1)
		}},
		{order.Refunded{PaymentID: "pay-1", Amount: ten, At: minute(2)}, func(v *query.Order) {
			v.PaymentStatus, v.UpdatedAt = "refunded", minute(2)
		}},
	},
	"a canceled order": {
		{order.Canceled{Reason: "not hungry", At: minute(1)}, func(v *query.Order) {
			v.Status, v.CancelReason, v.UpdatedAt = "canceled", "not hungry", minute(1)
		}},
	},
}

func TestOrderViewAfterEachEvent(t *testing.T) {
	t.Parallel()
	wantViews(t, lives, order.Catalogue())
}

// Earlier views are still in use while the next one is made, so an event leaves
// them as they are.
func TestOrderViewsShareNothingThatChanges(t *testing.T) {
	t.Parallel()
	before := es.Fold[query.Order, order.Event](query.Order{}, created)
	before.Evolve(order.CartUpdated{Cart: twoPizza, Total: twenty, At: minute(1)})
	if want := (query.Order{}).Evolve(created); !reflect.DeepEqual(before, want) {
		t.Errorf("the earlier view is now\n\t%+v\nwant\n\t%+v", before, want)
	}
}
