package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/ports/adminapi"
)

func TestOperatorsAreToldWhomToAsk(t *testing.T) {
	t.Parallel()
	api := start(t, func(c *config) { c.Broker, c.Roles = "sql:", "api,commands,events,relay" })
	on := func(roles, gateway string) client {
		s := start(t, func(c *config) { c.Store, c.Broker, c.Roles, c.Gateway = api.config.Store, "sql:", roles, gateway })
		c := s.client(t)
		c.base = s.admin
		return c
	}
	checkout, payments := on("processes", "simulator:"), on("payments", "http://millrace:sesame@127.0.0.1:1/pay")
	cold := fields{"reason": "cold"}
	for _, test := range []struct {
		answer answer
		want   string
	}{
		{checkout.post("/admin/payments/"+newID()+"/refunds", cold), "the role api take this in; this one has processes"},
		{checkout.get("/gateway/totals"), "the role payments know the gateway; this one has processes"},
		{payments.get("/gateway/totals"), "it is at http://…@127.0.0.1:1/pay"},
	} {
		if p := test.answer.wantProblem(http.StatusNotFound, "not_found"); !strings.HasSuffix(p.Detail, test.want) {
			t.Errorf("%s says %q, want %q", test.answer.asked, p.Detail, test.want)
		}
	}

	c := api.client(t)
	order := c.create()
	c.post(order+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
	c.base = api.admin // which runs no process, and has their store
	id := order[len(order)-36:]
	eventually(t, "the checkout is in the store", func() bool {
		return strings.Contains(string(c.get("/admin/processes?name=checkout").want(http.StatusOK).body), id)
	})
	if p := read[adminapi.Process](c.get("/admin/processes/checkout-" + id)); p.Name != "checkout" || p.ID != id {
		t.Errorf("the process is %+v, want the checkout of %s", p, id)
	}
}
