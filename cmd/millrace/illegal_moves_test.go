package main

import (
	"net/http"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"
)

// A move is one thing to ask of an order.
type move struct {
	name, method, path string
	body               any
}

func moves() []move {
	return []move{
		{"cart", http.MethodPut, "/cart", fields{"items": []contract.Item{margherita(1)}}},
		{"address", http.MethodPut, "/delivery-address", newOrder().DeliveryAddress},
		{"pay", http.MethodPost, "/pay", fields{"payment_method": "tok_ok"}},
		{"submit", http.MethodPost, "/submit", fields{"payment_method": "tok_ok"}},
		{"ship", http.MethodPost, "/ship", nil},
		{"complete", http.MethodPost, "/complete", nil},
		{"cancel", http.MethodPost, "/cancel", fields{"reason": "no"}},
	}
}

func TestIllegalMoves(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config) { c.SlowPayment = time.Hour })

	always := func(code string) map[string]string {
		codes := map[string]string{}
		for _, m := range moves() {
			codes[m.name] = code
		}
		return codes
	}
	for _, test := range []struct {
		state string
		bring func(c client, order string)
		codes map[string]string // by move; a move without one is legal
	}{
		{"a draft", func(client, string) {},
			map[string]string{"ship": "not_approved", "complete": "not_shipped"}},
		{"a draft whose payment is under way", func(c client, order string) {
			c.post(order+"/pay", fields{"payment_method": "tok_slow"}).want(http.StatusOK)
		}, map[string]string{
			"cart": "cart_frozen", "pay": "payment_pending", "submit": "payment_pending",
			"ship": "not_approved", "complete": "not_shipped",
		}},
		{"a draft whose payment failed", func(c client, order string) {
			c.post(order+"/pay", fields{"payment_method": "tok_declined"}).want(http.StatusOK)
			c.awaitStatus(order, "draft", "failed")
		}, map[string]string{"cart": "cart_frozen", "ship": "not_approved", "complete": "not_shipped"}},
		{"a draft that is paid", func(c client, order string) {
			c.post(order+"/pay", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
			c.awaitStatus(order, "draft", "paid")
		}, map[string]string{
			"cart": "cart_frozen", "pay": "already_paid", "submit": "already_paid",
			"ship": "not_approved", "complete": "not_shipped",
		}},
		{"a submitted order", func(c client, order string) {
			c.post(order+"/submit", nil).want(http.StatusOK)
		}, map[string]string{
			"cart": "cart_frozen", "submit": "already_submitted", "ship": "not_approved", "complete": "not_shipped",
		}},
		{"an approved order", func(c client, order string) { approve(c, order) }, map[string]string{
			"cart": "cart_frozen", "pay": "already_paid", "submit": "already_submitted", "complete": "not_shipped",
		}},
		{"a shipped order", func(c client, order string) {
			approve(c, order)
			c.post(order+"/ship", nil).want(http.StatusOK)
		}, map[string]string{
			"cart": "cart_frozen", "address": "already_shipped", "pay": "already_shipped",
			"submit": "already_shipped", "ship": "already_shipped", "cancel": "already_shipped",
		}},
		{"a completed order", func(c client, order string) {
			approve(c, order)
			c.post(order+"/ship", nil).want(http.StatusOK)
			c.post(order+"/complete", nil).want(http.StatusOK)
		}, always("order_completed")},
		{"a canceled order", func(c client, order string) {
			c.post(order+"/cancel", fields{"reason": "no"}).want(http.StatusOK)
		}, always("order_canceled")},
	} {
		t.Run(test.state, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			order := c.create()
			test.bring(c, order)
			before := len(c.events(order))
			for _, m := range moves() {
				code, illegal := test.codes[m.name]
				if !illegal {
					continue
				}
				p := c.do(m.method, order+m.path, m.body).wantProblem(http.StatusConflict, code)
				wantRecorded(t, c, order, p)
			}
			if after := len(c.events(order)); after != before {
				t.Errorf("the order has %d events, want the %d that it had before it was asked for what it cannot do", after, before)
			}
		})
	}

	t.Run("an order that does not exist", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := "/v1/orders/" + newID()
		for _, m := range moves() {
			p := c.do(m.method, order+m.path, m.body).wantProblem(http.StatusNotFound, "order_not_found")
			wantRecorded(t, c, order, p)
		}
	})

	t.Run("a cart in another currency", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		dollars := margherita(1)
		dollars.UnitPrice.Currency = "USD"
		c.put(c.create()+"/cart", fields{"items": []contract.Item{dollars}}).wantProblem(http.StatusConflict, "currency_mismatch")
	})
}

func approve(c client, order string) {
	c.Helper()
	c.post(order+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
	c.awaitStatus(order, "approved", "paid")
}

// wantRecorded fails the test unless a rejection can be read again as the outcome
// of its command.
func wantRecorded(t *testing.T, c client, order string, p contract.Problem) {
	t.Helper()
	if p.CommandID == nil || p.OrderID == nil || "/v1/orders/"+*p.OrderID != order {
		t.Fatalf("the problem is for command %v of order %v, want one of %s", p.CommandID, p.OrderID, order)
	}
	o := c.get("/v1/commands/" + *p.CommandID).want(http.StatusOK).outcome()
	if o.Status != "rejected" || o.Problem == nil || o.Problem.Code != p.Code || o.Problem.Status != p.Status {
		t.Errorf("the outcome of command %s is %+v, want it rejected with %d %s", *p.CommandID, o, p.Status, p.Code)
	}
}
