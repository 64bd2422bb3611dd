package main

import (
	"net/http"
	"slices"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"
)

func TestLifeOfAnOrder(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config) { c.SlowPayment = time.Millisecond })

	t.Run("goes from the first draft to the delivery", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		c.put(order+"/cart", fields{"items": []contract.Item{margherita(3)}}).want(http.StatusOK)
		moved := newOrder().DeliveryAddress
		moved.Line2 = new("Blue door")
		c.put(order+"/delivery-address", moved).want(http.StatusOK)
		c.post(order+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
		c.awaitStatus(order, "approved", "paid")
		c.post(order+"/ship", fields{"carrier": "Fietskoeriers", "tracking_number": "FK-1"}).want(http.StatusOK)
		delivered := time.Date(2025, 9, 4, 18, 52, 40, 0, time.UTC)
		c.post(order+"/complete", fields{"delivered_at": delivered}).want(http.StatusOK)

		o := c.awaitStatus(order, "completed", "paid")
		if o.Total != (contract.Money{Amount: 2850, Currency: "EUR"}) {
			t.Errorf("total %v, want EUR 28.50", o.Total)
		}
		if o.DeliveryAddress.Line2 == nil || *o.DeliveryAddress.Line2 != "Blue door" {
			t.Errorf("address %v, want the one it was moved to", o.DeliveryAddress)
		}
		if o.Carrier == nil || *o.Carrier != "Fietskoeriers" || o.TrackingNumber == nil || *o.TrackingNumber != "FK-1" {
			t.Errorf("carrier %v and tracking number %v, want those it was shipped with", o.Carrier, o.TrackingNumber)
		}
		if o.DeliveredAt == nil || !o.DeliveredAt.Equal(delivered) {
			t.Errorf("delivered at %v, want %s", o.DeliveredAt, delivered)
		}
		wantHistory(t, c, order, "order.created", "order.cart_updated", "order.delivery_address_changed",
			"order.submitted", "order.payment_requested", "order.paid", "order.approved", "order.shipped", "order.completed")
	})

	t.Run("takes a second payment after the first was declined", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		c.post(order+"/submit", fields{"payment_method": "tok_declined"}).want(http.StatusOK)
		o := c.awaitStatus(order, "submitted", "failed")
		if o.PaymentFailure == nil || *o.PaymentFailure != "card_declined" {
			t.Errorf("payment_failure is %v, want card_declined", o.PaymentFailure)
		}
		c.post(order+"/pay", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
		o = c.awaitStatus(order, "approved", "paid")
		if o.PaymentFailure != nil {
			t.Errorf("payment_failure %q stays after the order was paid", *o.PaymentFailure)
		}
		wantHistory(t, c, order, "order.created", "order.submitted", "order.payment_requested",
			"order.payment_failed", "order.payment_requested", "order.paid", "order.approved")
	})

	t.Run("may be paid before it is submitted", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		c.post(order+"/pay", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
		c.awaitStatus(order, "draft", "paid")
		c.post(order+"/submit", nil).want(http.StatusOK)
		c.awaitStatus(order, "approved", "paid")
	})

	t.Run("gives the money back when it is canceled after it was paid", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		c.post(order+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
		c.awaitStatus(order, "approved", "paid")
		c.post(order+"/cancel", fields{"reason": "no guests"}).want(http.StatusOK)
		o := c.awaitStatus(order, "canceled", "refunded")
		if o.CancelReason == nil || *o.CancelReason != "no guests" {
			t.Errorf("cancel_reason is %v, want the one that was given", o.CancelReason)
		}
	})

	t.Run("gives the money back when the payment ends after the cancellation", func(t *testing.T) {
		t.Parallel()
		c := start(t, func(c *config) { c.SlowPayment = time.Second }).client(t)
		order := c.create()
		c.post(order+"/submit", fields{"payment_method": "tok_slow"}).want(http.StatusOK)
		c.awaitPayments(order, func(all []contract.Payment) bool { return len(all) == 1 }) // before that it is called off
		c.post(order+"/cancel", fields{"reason": "too slow"}).want(http.StatusOK)
		c.awaitStatus(order, "canceled", "refunded")
	})

	t.Run("costs nothing when it is canceled as a draft", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		c.post(order+"/cancel", fields{"reason": "changed my mind"}).want(http.StatusOK)
		c.awaitStatus(order, "canceled", "unpaid")
		wantHistory(t, c, order, "order.created", "order.canceled")
	})

	t.Run("is paid in the end when the gateway gives no answer at first", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		c.post(order+"/submit", fields{"payment_method": "tok_error"}).want(http.StatusOK)
		c.awaitStatus(order, "approved", "paid")
	})

	t.Run("does not take a payment method that nobody knows", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		c.post(order+"/pay", fields{"payment_method": "tok_unheard_of"}).want(http.StatusOK)
		c.awaitStatus(order, "draft", "failed")
	})
}

// wantHistory fails the test unless these and no other events happened to an
// order, with versions from 1 on.
func wantHistory(t *testing.T, c client, order string, want ...string) {
	t.Helper()
	var types []string
	for i, e := range c.events(order) {
		types = append(types, e.Type)
		if e.Version != int64(i+1) || e.SchemaVersion != 1 {
			t.Errorf("event %d is at version %d with schema %d, want version %d with schema 1", i, e.Version, e.SchemaVersion, i+1)
		}
	}
	if !slices.Equal(types, want) {
		t.Errorf("the history is %v, want %v", types, want)
	}
}
