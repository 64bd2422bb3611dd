package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"
)

func TestTimeTravel(t *testing.T) {
	t.Parallel()
	s := start(t)
	order, events := travelled(t, s.client(t))

	t.Run("by version gives every version that the history has", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		var folded fields
		for n, e := range events {
			folded = fold(t, folded, e)
			a := c.get(fmt.Sprintf("%s?version=%d", order, n+1)).want(http.StatusOK).wantHeader("ETag", fmt.Sprintf(`"%d"`, n+1))
			if got := read[fields](a); !reflect.DeepEqual(got, folded) {
				t.Errorf("version %d is %v, want %v", n+1, got, folded)
			}
		}
		now := c.await(order, "completed", func(o contract.Order) bool { return o.Status == "completed" })
		if got := read[fields](c.get(order)); !reflect.DeepEqual(got, folded) {
			t.Errorf("the view at version %d is %v, want %v", now.Version, got, folded)
		}
	})

	t.Run("does not go beyond the last version", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		for _, version := range []string{fmt.Sprint(len(events) + 1), "9007199254740993", "9223372036854775807"} {
			c.get(order+"?version="+version).wantProblem(http.StatusNotFound, "version_not_found")
		}
	})

	t.Run("to the time of an event gives the order after it", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		for i, e := range events {
			if i+1 < len(events) && !events[i+1].OccurredAt.After(e.OccurredAt) {
				continue // both happened at once, and the second counts
			}
			for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 5*60*60)} {
				at := e.OccurredAt.In(zone).Format(time.RFC3339Nano)
				c.get(order+"?as_of="+url.QueryEscape(at)).want(http.StatusOK).wantHeader("ETag", fmt.Sprintf(`"%d"`, e.Version))
			}
		}
		c.get(order+"?as_of=2999-12-31T23:59:59Z").want(http.StatusOK).wantHeader("ETag", fmt.Sprintf(`"%d"`, len(events)))
	})

	t.Run("to the time before an event gives the order without it", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		for i, e := range events {
			before := e.OccurredAt.Add(-time.Nanosecond).Format(time.RFC3339Nano)
			a := c.get(order + "?as_of=" + before)
			if i == 0 {
				a.wantProblem(http.StatusNotFound, "version_not_found")
			} else if v := a.want(http.StatusOK).order().Version; v >= e.Version {
				t.Errorf("just before version %d the order is at version %d", e.Version, v)
			}
		}
	})

	for name, at := range map[string]string{
		"a year ago":                  "2020-01-01T00:00:00Z",
		"the beginning of the era":    "0001-01-01T00:00:00Z",
		"the year 0":                  "0000-01-01T00:00:00Z",
		"before the year 0 elsewhere": "0000-01-01T00:00:00%2B23:59",
	} {
		t.Run("to "+name+" finds no order yet", func(t *testing.T) {
			t.Parallel()
			s.client(t).get(order+"?as_of="+at).wantProblem(http.StatusNotFound, "version_not_found")
		})
	}

	t.Run("goes one way at a time", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		for _, at := range []string{"2999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"} {
			c.get(order+"?version=1&as_of="+at).wantProblem(http.StatusBadRequest, "invalid_parameter")
		}
	})
}

// travelled makes an order with a whole life behind it.
func travelled(t *testing.T, c client) (order string, events []contract.Event) {
	t.Helper()
	order = c.create()
	c.put(order+"/cart", fields{"items": []contract.Item{margherita(3), margherita(1)}}).want(http.StatusOK)
	c.put(order+"/delivery-address", fields{
		"name": "B", "line1": "Street 2", "line2": "up", "postal_code": "1", "city": "Utrecht", "country": "NL",
	}).want(http.StatusOK)
	c.post(order+"/submit", fields{"payment_method": "tok_declined"}).want(http.StatusOK)
	c.awaitStatus(order, "submitted", "failed")
	c.post(order+"/pay", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
	c.awaitStatus(order, "approved", "paid")
	c.post(order+"/ship", fields{"carrier": "bike"}).want(http.StatusOK)
	c.post(order+"/complete", nil).want(http.StatusOK)
	events = c.events(order)
	if len(events) != 11 {
		t.Fatalf("%d events, want 11", len(events))
	}
	return order, events
}

// fold is what the contract says about an order after an event, said once more
// in the plainest way.
func fold(t *testing.T, before fields, e contract.Event) fields {
	t.Helper()
	after, data := fields{}, fields{}
	for key, value := range before {
		after[key] = value
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatal(err)
	}
	take := func(names ...string) {
		for _, name := range names {
			if value, ok := data[name]; ok {
				after[name] = value
			}
		}
	}
	at := e.OccurredAt.Format(time.RFC3339Nano)
	after["version"], after["updated_at"] = float64(e.Version), at
	switch e.Type {
	case "order.created":
		take("customer_id", "email", "items", "total", "delivery_address")
		after["id"], after["created_at"] = e.OrderID, at
		after["status"], after["payment_status"] = "draft", "unpaid"
	case "order.cart_updated":
		take("items", "total")
	case "order.delivery_address_changed":
		take("delivery_address")
	case "order.submitted":
		after["status"], after["submitted_at"] = "submitted", at
	case "order.payment_requested":
		take("payment_id")
		delete(after, "payment_failure")
		after["payment_status"] = "requested"
	case "order.payment_failed":
		after["payment_status"], after["payment_failure"] = "failed", data["reason"]
	case "order.paid":
		after["payment_status"] = "paid"
	case "order.approved":
		after["status"], after["approved_at"] = "approved", at
	case "order.shipped":
		take("carrier", "tracking_number")
		after["status"], after["shipped_at"] = "shipped", at
	case "order.completed":
		take("delivered_at")
		after["status"] = "completed"
	default:
		t.Fatalf("the fold of this test does not know %s", e.Type)
	}
	return after
}
