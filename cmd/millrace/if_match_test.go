package main

import (
	"net/http"
	"testing"

	contract "github.com/millrace/millrace/api/client"
)

func TestIfMatch(t *testing.T) {
	t.Parallel()
	s := start(t)
	cart := fields{"items": []contract.Item{margherita(1)}}

	for _, test := range []struct {
		name, ifMatch string
		status        int
	}{
		{"lets a write through that knows the version", `"2"`, http.StatusOK},
		{"takes a list with the version in it", `"7", "2"`, http.StatusOK},
		{"takes a list without blanks", `"1","2"`, http.StatusOK},
		{"takes any version with *", `*`, http.StatusOK},
		{"refuses the version before", `"1"`, http.StatusPreconditionFailed},
		{"refuses a version to come", `"3"`, http.StatusPreconditionFailed},
		{"refuses a list without the version", `"1", "3"`, http.StatusPreconditionFailed},
		{"refuses a weak tag, since it says too little", `W/"2"`, http.StatusPreconditionFailed},
		{"refuses a tag of nobody's", `"two"`, http.StatusPreconditionFailed},
		{"refuses the empty tag", `""`, http.StatusPreconditionFailed},
		{"refuses a tag that is the version in other words", `"02"`, http.StatusPreconditionFailed},
		{"refuses a tag with a sign", `"+2"`, http.StatusPreconditionFailed},
		{"refuses a tag that no version fits into", `"99999999999999999999"`, http.StatusPreconditionFailed},
		{"cannot read a tag without quotes", `2`, http.StatusBadRequest},
		{"cannot read half a tag", `"2`, http.StatusBadRequest},
		{"cannot read a list with a hole", `"2", , "3" x`, http.StatusBadRequest},
		{"cannot read * beside a tag", `*, "2"`, http.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			order := c.create()
			c.put(order+"/cart", cart).want(http.StatusOK).wantHeader("ETag", `"2"`)
			a := c.put(order+"/cart", cart, "If-Match: "+test.ifMatch)
			switch test.status {
			case http.StatusOK:
				a.want(http.StatusOK).wantHeader("ETag", `"3"`)
			case http.StatusPreconditionFailed:
				wantRecorded(t, c, order, a.wantProblem(test.status, "version_mismatch"))
				wantHistory(t, c, order, "order.created", "order.cart_updated")
			default:
				wantPointer(t, a.wantProblem(test.status, "invalid_parameter"), "/header/If-Match")
				wantHistory(t, c, order, "order.created", "order.cart_updated")
			}
		})
	}

	t.Run("counts on every write but the first", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		for _, m := range moves() {
			c.do(m.method, order+m.path, m.body, `If-Match: "9"`).wantProblem(http.StatusPreconditionFailed, "version_mismatch")
		}
	})

	t.Run("may come in two lines", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		c.put(c.create()+"/cart", cart, `If-Match: "9"`, `If-Match: "1"`).want(http.StatusOK)
	})

	t.Run("lets one of many writers through", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		won := 0
		for _, a := range atOnce(t, 16, func() (answer, error) {
			return c.try(http.MethodPut, order+"/cart", cart, `If-Match: "1"`)
		}) {
			if a.status == http.StatusOK {
				won++
				continue
			}
			a.wantProblem(http.StatusPreconditionFailed, "version_mismatch")
		}
		if won != 1 {
			t.Errorf("%d writers changed version 1, want 1", won)
		}
		wantHistory(t, c, order, "order.created", "order.cart_updated")
	})

	t.Run("gets the same answer again under a key", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := c.create()
		key := "Idempotency-Key: " + newID()
		first := c.put(order+"/cart", cart, key, `If-Match: "1"`).want(http.StatusOK)
		c.put(order+"/cart", cart).want(http.StatusOK)
		wantSameAnswer(t, c.put(order+"/cart", cart, key, `If-Match: "1"`), first)
	})

	t.Run("cannot find a version of an order that does not exist", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		c.put("/v1/orders/"+newID()+"/cart", cart, `If-Match: "1"`).wantProblem(http.StatusNotFound, "order_not_found")
	})
}
