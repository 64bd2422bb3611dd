package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"
)

func TestWrites(t *testing.T) {
	t.Parallel()
	s := start(t)

	for _, prefer := range []string{"respond-async", "wait=0", "Respond-Async", `wait="0"`, "respond-async, wait=0"} {
		t.Run("are answered at once with Prefer "+prefer, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			accepted := c.post("/v1/orders", newOrder(), "Prefer: "+prefer).want(http.StatusAccepted)
			pending := accepted.outcome()
			accepted.wantHeader("Location", "/v1/commands/"+pending.CommandID).wantHeader("ETag", "")
			if pending.Status != "pending" || pending.Version != nil {
				t.Errorf("the outcome is %+v, want it pending without a version", pending)
			}
			if applied := accepted.header.Get("Preference-Applied"); applied == "" {
				t.Error("Preference-Applied is missing")
			}
			o := awaitOutcome(c, accepted.header.Get("Location"))
			if o.Status != "succeeded" || o.OrderID != pending.OrderID || o.Version == nil || *o.Version != 1 {
				t.Errorf("the outcome is %+v, want version 1 of order %s", o, pending.OrderID)
			}
			token := c.get(accepted.header.Get("Location")).header.Get("Consistency-Token")
			c.get("/v1/orders/"+o.OrderID, "Consistency-Token: "+token).want(http.StatusOK)
		})
	}

	t.Run("that are refused after 202 say so in their outcome", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		accepted := c.post(c.create()+"/ship", nil, "Prefer: respond-async").want(http.StatusAccepted)
		o := awaitOutcome(c, accepted.header.Get("Location"))
		if o.Status != "rejected" || o.Problem == nil || o.Problem.Code != "not_approved" || o.Problem.Status != http.StatusConflict {
			t.Errorf("the outcome is %+v, want it rejected with not_approved", o)
		}
	})

	t.Run("answer with the outcome", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		created := c.post("/v1/orders", newOrder()).want(http.StatusCreated)
		o := created.outcome()
		if o.Status != "succeeded" || o.Version == nil || *o.Version != 1 || o.Problem != nil {
			t.Errorf("the outcome is %+v, want version 1", o)
		}
		created.wantHeader("Location", "/v1/orders/"+o.OrderID).wantHeader("ETag", `"1"`).wantHeader("Preference-Applied", "")
		submitted := c.post("/v1/orders/"+o.OrderID+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
		submitted.wantHeader("ETag", `"3"`) // submitted and payment requested
		if v := submitted.outcome().Version; v == nil || *v != 3 {
			t.Errorf("the version is %v, want 3", v)
		}
	})

	t.Run("answer with the order as it was written", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		created := c.post("/v1/orders", newOrder(), "Prefer: return=representation").want(http.StatusCreated)
		created.wantHeader("Preference-Applied", "return=representation").wantHeader("ETag", `"1"`)
		o := created.order()
		if o.Version != 1 || o.Status != "draft" || o.Email != "a@example.com" || o.Total.Amount != 1900 {
			t.Errorf("the order is %+v, want the draft that was sent", o)
		}
		for n := int64(2); n < 10; n++ {
			a := c.put("/v1/orders/"+o.ID+"/cart", fields{"items": []contract.Item{margherita(n)}}, "Prefer: return=representation")
			a.want(http.StatusOK).wantHeader("ETag", fmt.Sprintf(`"%d"`, n))
			if o := a.order(); o.Version != n || o.Total.Amount != n*950 {
				t.Errorf("version %d with a total of %d, want version %d with %d", o.Version, o.Total.Amount, n, n*950)
			}
		}
	})

	for prefer, applied := range map[string]string{
		"return=minimal":                      "return=minimal",
		"wait=10":                             "wait=10",
		"wait=10, return=minimal":             "wait=10, return=minimal",
		"wait=600":                            "wait=60",
		"wait=7; foo=bar":                     "wait=7",
		"wait=3, wait=4":                      "wait=3",
		"return=minimal, wait=x":              "return=minimal",
		"respond-async, wait=10":              "wait=10",
		"wait":                                "",
		"wait=":                               "",
		"wait=-1":                             "",
		"wait=1.5":                            "",
		"wait=99999999999999999999":           "",
		"return=everything":                   "",
		"return":                              "",
		"handling=lenient, depth-noroot":      "",
		",,;;==,":                             "",
		"\"":                                  "",
		strings.Repeat("respond-sync, ", 300): "",
	} {
		t.Run(fmt.Sprintf("make the best of Prefer %.30s", prefer), func(t *testing.T) {
			t.Parallel()
			a := s.client(t).post("/v1/orders", newOrder(), "Prefer: "+prefer)
			a.want(http.StatusCreated).wantHeader("Preference-Applied", applied)
			if a.outcome().CommandID == "" {
				t.Errorf("answered %s, want the outcome", a.body)
			}
		})
	}

	t.Run("read a Prefer header that comes in two lines", func(t *testing.T) {
		t.Parallel()
		a := s.client(t).post("/v1/orders", newOrder(), "Prefer: wait=9", "Prefer: return=representation")
		a.want(http.StatusCreated).wantHeader("Preference-Applied", "wait=9, return=representation")
		if a.order().Email == "" {
			t.Errorf("answered %s, want the order", a.body)
		}
	})

	t.Run("keep the trace and who caused what with the events", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		order := c.create()
		submit := c.post(order+"/submit", fields{"payment_method": "tok_ok"}, "traceparent: "+trace).want(http.StatusOK).outcome()
		c.awaitStatus(order, "approved", "paid")
		events := c.events(order) // created, submitted, payment requested, paid, approved
		if len(events) != 5 {
			t.Fatalf("%d events, want 5", len(events))
		}
		for _, e := range events[1:] {
			if e.Metadata["traceparent"] != trace || e.Metadata["correlation_id"] != submit.CommandID {
				t.Errorf("%s has trace %s and correlation %s, want those of the submission", e.Type, e.Metadata["traceparent"], e.Metadata["correlation_id"])
			}
			if e.Metadata["causation_id"] != e.Metadata["command_id"] {
				t.Errorf("%s was caused by %s, want its command %s", e.Type, e.Metadata["causation_id"], e.Metadata["command_id"])
			}
		}
		for _, e := range events[1:3] {
			if e.Metadata["command_id"] != submit.CommandID {
				t.Errorf("%s comes from command %s, want %s", e.Type, e.Metadata["command_id"], submit.CommandID)
			}
		}
		for i, process := range map[int]string{3: "process:checkout", 4: "process:checkout"} {
			e := events[i]
			if e.Metadata["actor"] != process {
				t.Errorf("%s was asked for by %s, want %s", e.Type, e.Metadata["actor"], process)
			}
			if id := e.Metadata["command_id"]; id == submit.CommandID {
				t.Errorf("%s comes from the submission itself", e.Type)
			} else if o := c.get("/v1/commands/" + id).want(http.StatusOK).outcome(); o.Status != "succeeded" || o.Version == nil || *o.Version != e.Version {
				t.Errorf("the outcome of the command behind %s is %+v, want version %d", e.Type, o, e.Version)
			}
		}
	})

	t.Run("begin a trace when they came without one that can be read", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		for _, trace := range []string{"", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"} {
			order := c.post("/v1/orders", newOrder(), "traceparent: "+trace).want(http.StatusCreated).header.Get("Location")
			kept := c.events(order)[0].Metadata["traceparent"]
			if kept == trace || len(kept) != 55 {
				t.Errorf("kept the trace %q for %q, want a new one", kept, trace)
			}
		}
	})

	t.Run("remember when an order was written", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		before := time.Now().Add(-time.Millisecond)
		order := c.order(createAndWait(c))
		if order.CreatedAt.Before(before) || order.CreatedAt.After(time.Now()) || order.CreatedAt.Location() != time.UTC {
			t.Errorf("created at %s, want a time in UTC after %s", order.CreatedAt, before)
		}
	})
}

// createAndWait makes an order and waits until the view has it.
func createAndWait(c client) (path string) {
	c.Helper()
	created := c.post("/v1/orders", newOrder()).want(http.StatusCreated)
	path = created.header.Get("Location")
	c.get(path, "Consistency-Token: "+created.header.Get("Consistency-Token")).want(http.StatusOK)
	return path
}

// awaitOutcome asks for the outcome of a command until it is known.
func awaitOutcome(c client, location string) contract.CommandOutcome {
	c.Helper()
	var o contract.CommandOutcome
	eventually(c, "the outcome of "+location, func() bool {
		a := c.get(location).want(http.StatusOK)
		o = a.outcome()
		if o.Status == "pending" {
			if _, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil {
				c.Errorf("%s is pending without Retry-After", location)
			}
		}
		return o.Status != "pending"
	})
	return o
}
