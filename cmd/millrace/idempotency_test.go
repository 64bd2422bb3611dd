package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	contract "github.com/millrace/millrace/api/client"
)

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := start(t)

	t.Run("makes a repeated write one write", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		key := "Idempotency-Key: " + newID()
		first := c.post("/v1/orders", newOrder(), key).want(http.StatusCreated)
		wantSameAnswer(t, c.post("/v1/orders", newOrder(), key), first)
		order := first.header.Get("Location")
		for _, m := range moves() {
			if m.name == "submit" || m.name == "ship" || m.name == "complete" {
				continue // after the payment these are refused, which has its own test
			}
			first := c.do(m.method, order+m.path, m.body, key).want(http.StatusOK)
			wantSameAnswer(t, c.do(m.method, order+m.path, m.body, key), first)
			if m.name == "pay" {
				c.awaitStatus(order, "draft", "paid")
			}
		}
		c.awaitStatus(order, "canceled", "refunded")
		wantHistory(t, c, order, "order.created", "order.cart_updated", "order.delivery_address_changed",
			"order.payment_requested", "order.paid", "order.canceled", "order.refunded")
	})

	t.Run("makes one write of 32 at the same time", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		sent := newOrder()
		sent.CustomerID = newID()
		key := "Idempotency-Key: " + newID()
		answers := atOnce(t, 32, func() (answer, error) { return c.try(http.MethodPost, "/v1/orders", sent, key) })
		for _, a := range answers {
			wantSameAnswer(t, a, answers[0].want(http.StatusCreated))
		}
		c.get("/v1/orders?limit=1", "Consistency-Token: "+answers[0].header.Get("Consistency-Token")).want(http.StatusOK)
		if orders := c.get("/v1/orders?customer=" + sent.CustomerID).want(http.StatusOK).orderList().Data; len(orders) != 1 {
			t.Errorf("%d orders, want 1", len(orders))
		}
		order := answers[0].header.Get("Location")
		carts := atOnce(t, 32, func() (answer, error) {
			return c.try(http.MethodPut, order+"/cart", fields{"items": []contract.Item{margherita(7)}}, key)
		})
		for _, a := range carts {
			wantSameAnswer(t, a, carts[0].want(http.StatusOK))
		}
		wantHistory(t, c, order, "order.created", "order.cart_updated")
	})

	t.Run("gets the same refusal again", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		key := "Idempotency-Key: " + newID()
		refused := c.post(order+"/ship", nil, key)
		refused.wantProblem(http.StatusConflict, "not_approved")
		approve(c, order)
		wantSameAnswer(t, c.post(order+"/ship", nil, key), refused)
		c.post(order+"/ship", nil, "Idempotency-Key: "+newID()).want(http.StatusOK)
	})

	t.Run("refuses another request under the same key", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		key := "Idempotency-Key: " + newID()
		order := c.post("/v1/orders", newOrder(), key).want(http.StatusCreated).header.Get("Location")
		other := newOrder()
		other.Items[0].Quantity++
		c.post("/v1/orders", other, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		c.post(order+"/pay", fields{"payment_method": "tok_ok"}, key).want(http.StatusOK)
		c.post(order+"/pay", fields{"payment_method": "tok_error"}, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		c.post(c.create()+"/pay", fields{"payment_method": "tok_ok"}, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
	})

	t.Run("does not mind blanks and the order of fields", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		key := "Idempotency-Key: " + newID()
		first := c.post(order+"/ship", `{"carrier":"bike","tracking_number":"1"}`, key)
		wantSameAnswer(t, c.post(order+"/ship", " {\n\t\"tracking_number\" : \"1\",\r\n\"carrier\" : \"b\\u0069ke\" } \n", key), first)
	})

	t.Run("counts for one operation only", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		key := "Idempotency-Key: " + newID()
		paid := c.post(order+"/pay", fields{"payment_method": "tok_declined"}, key).want(http.StatusOK).outcome()
		submitted := c.post(order+"/submit", fields{}, key).want(http.StatusOK).outcome()
		if paid.CommandID == submitted.CommandID {
			t.Error("two operations under one key are one command")
		}
	})

	t.Run("tells keys apart that differ in capitals only", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		key := newID()
		a := c.post("/v1/orders", newOrder(), "Idempotency-Key: x"+key).want(http.StatusCreated).outcome()
		b := c.post("/v1/orders", newOrder(), "Idempotency-Key: X"+key).want(http.StatusCreated).outcome()
		if a.OrderID == b.OrderID {
			t.Error("two keys made one order")
		}
	})

	t.Run("has at most 255 bytes", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		longest := strings.Repeat("k", 255)
		first := c.post("/v1/orders", newOrder(), "Idempotency-Key: "+longest).want(http.StatusCreated)
		wantSameAnswer(t, c.post("/v1/orders", newOrder(), "Idempotency-Key: "+longest), first)
	})

	for name, key := range map[string]string{
		"one byte too many":           strings.Repeat("k", 256),
		"256 bytes in 128 characters": strings.Repeat("ü", 128),
		"nothing":                     "",
	} {
		t.Run("cannot be "+name, func(t *testing.T) {
			t.Parallel()
			p := s.client(t).post("/v1/orders", newOrder(), "Idempotency-Key: "+key).wantProblem(http.StatusBadRequest, "invalid_parameter")
			wantPointer(t, p, "/header/Idempotency-Key")
		})
	}
}

func TestIdempotencyKeyOutlivesARestart(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	key := "Idempotency-Key: " + newID()
	created := c.post("/v1/orders", newOrder(), key).want(http.StatusCreated)
	order := created.header.Get("Location")
	refused := c.post(order+"/ship", nil, key)
	refused.wantProblem(http.StatusConflict, "not_approved")

	s.restart()
	c = s.client(t)
	wantSameAnswer(t, c.post("/v1/orders", newOrder(), key), created)
	wantSameAnswer(t, c.post(order+"/ship", nil, key), refused)
	other := newOrder()
	other.CustomerID = "c-43"
	c.post("/v1/orders", other, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
	wantHistory(t, c, order, "order.created")
}

// atOnce sends n requests at the same time.
func atOnce(t *testing.T, n int, send func() (answer, error)) []answer {
	t.Helper()
	answers, errs := make([]answer, n), make([]error, n)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-begin
			answers[i], errs[i] = send()
		})
	}
	close(begin)
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("request %d of %d at once: %v", i, n, err)
		}
	}
	return answers
}

// wantSameAnswer fails the test unless two answers are the same to a client.
func wantSameAnswer(t *testing.T, got, want answer) {
	t.Helper()
	if got.status != want.status || !bytes.Equal(got.body, want.body) {
		t.Errorf("%s: %d %s, want the answer from before: %d %s", got.asked, got.status, got.body, want.status, want.body)
	}
	for _, name := range []string{"Content-Type", "ETag", "Location", "Consistency-Token"} {
		got.wantHeader(name, want.header.Get(name))
	}
}

// wantPointer fails the test unless a problem points at one place of the input.
func wantPointer(t testing.TB, p contract.Problem, pointer string) {
	t.Helper()
	for _, e := range p.Errors {
		if e.Pointer == pointer && e.Detail != "" {
			return
		}
	}
	t.Errorf("%s points at %s, want %q", p.Code, fmt.Sprint(p.Errors), pointer)
}
