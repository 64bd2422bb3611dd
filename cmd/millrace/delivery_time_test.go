package main

import (
	"net/http"
	"testing"
)

// Times at the edge of what RFC 3339 can say leave it when they are taken to UTC.
func TestDeliveryTimesAtTheEdge(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, at := range []string{"9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"} {
		t.Run("are refused: "+at, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			order := c.create()
			approve(c, order)
			c.post(order+"/ship", nil).want(http.StatusOK)
			p := c.post(order+"/complete", fields{"delivered_at": at}).wantProblem(http.StatusUnprocessableEntity, "invalid_request")
			wantPointer(t, p, "/delivered_at")
			c.awaitStatus(order, "shipped", "paid")
		})
	}
	for _, at := range []string{"9999-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z"} {
		t.Run("are kept: "+at, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			order := c.create()
			approve(c, order)
			c.post(order+"/ship", nil).want(http.StatusOK)
			c.post(order+"/complete", fields{"delivered_at": at}).want(http.StatusOK)
			o := c.awaitStatus(order, "completed", "paid")
			if got := read[fields](c.get(order))["delivered_at"]; o.DeliveredAt == nil || got != at {
				t.Errorf("delivered at %v, want %s", got, at)
			}
		})
	}
}
