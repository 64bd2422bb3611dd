package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	contract "github.com/millrace/millrace/api/client"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/ports/adminapi"
)

// adminClient asks on the listener for those who run the service.
func (s *service) adminClient(t testing.TB) client {
	c := s.client(t)
	c.base = s.admin
	return c
}

// awaitCheckout reads the checkout of an order until it is as it should be.
func awaitCheckout(admin client, order, what string, is func(adminapi.Process) bool) {
	admin.Helper()
	eventually(admin, "the checkout of "+order+" is "+what, func() bool {
		a := admin.get("/admin/processes/checkout-" + order[len(order)-36:])
		return a.status == http.StatusOK && is(read[adminapi.Process](a))
	})
}

// A gateway that never gives the money back leaves an order that only people can end.
func TestOperatorsSettleWhatTheGatewayWillNotGiveBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	stuck := func(p adminapi.Process) bool { return strings.Contains(p.Trouble, "refund") && len(p.Stuck) > 0 }
	// canceled is an order that was paid and canceled, with a refund that was refused.
	canceled := func(t *testing.T) (c, admin client, order string) {
		c, admin = s.client(t), s.adminClient(t)
		order = c.create()
		c.post(order+"/submit", fields{"payment_method": "tok_refund_refused"}).want(http.StatusOK)
		c.awaitStatus(order, "approved", "paid")
		c.post(order+"/cancel", fields{"reason": "no guests"}).want(http.StatusOK)
		awaitCheckout(admin, order, "stuck", stuck)
		return c, admin, order
	}
	refused := func(c client, order string, n int) contract.Payment {
		return c.awaitPayments(order, func(all []contract.Payment) bool {
			return len(all) == 1 && len(all[0].Refunds) == n && all[0].Refunds[n-1].Status == "refused"
		})[0]
	}
	ends := func(c, admin client, order, refund string) {
		c.Helper()
		c.awaitStatus(order, "canceled", "refunded")
		awaitCheckout(admin, order, "done", func(p adminapi.Process) bool { return p.Done && len(p.Stuck) == 0 && p.Trouble == "" })
		c.awaitPayments(order, func(all []contract.Payment) bool {
			for _, r := range all[0].Refunds {
				if r.ID == refund {
					return all[0].Refunded == all[0].Amount && r.Status == "refunded" && text(r.GatewayReference) == "transfer 17" &&
						text(r.RefuseReason) == "refund_refused"
				}
			}
			return false
		})
	}

	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		c, admin, order := canceled(t)
		p := refused(c, order, 1)
		refund := p.Refunds[0].ID
		path := "/admin/payments/" + p.ID + "/refunds/" + refund + "/settle"
		o := admin.post(path, fields{"reference": "transfer 17"}).want(http.StatusOK).outcome()
		if o.Status != "succeeded" || o.Version == nil || *o.Version != 5 {
			t.Errorf("the outcome is %+v, want version 5 of the payment", o)
		}
		ends(c, admin, order, refund)
		wantHistory(t, c, order, "order.created", "order.submitted", "order.payment_requested", "order.paid", "order.approved",
			"order.canceled", "order.refunded")
		// The gateway was not asked, and keeps what it took.
		ledger := read[struct{ Data []fields }](admin.get("/gateway/refunds").want(http.StatusOK)).Data
		if !slices.ContainsFunc(ledger, func(r fields) bool { return r["key"] == refund && r["status"] == "refused" }) {
			t.Errorf("the ledger has %v, want the refund %s refused", ledger, refund)
		}
		if o := admin.post(path, fields{"reference": "transfer 17"}).want(http.StatusOK).outcome(); o.Version == nil || *o.Version != 5 {
			t.Errorf("the second outcome is %+v, want version 5 still", o)
		}
		admin.post(path, fields{"reference": "transfer 18"}).wantProblem(http.StatusConflict, "refund_answered")
	})

	t.Run("after the checkout has tried again", func(t *testing.T) {
		t.Parallel()
		c, admin, order := canceled(t)
		refused(c, order, 1)
		admin.post("/admin/processes/checkout-"+order[len(order)-36:]+"/retry", nil).want(http.StatusAccepted)
		p := refused(c, order, 2)
		awaitCheckout(admin, order, "stuck", stuck)
		first, second := p.Refunds[0].ID, p.Refunds[1].ID
		admin.post("/admin/payments/"+p.ID+"/refunds/"+first+"/settle", fields{"reference": "transfer 17"}).want(http.StatusOK)
		ends(c, admin, order, first)
		admin.post("/admin/payments/"+p.ID+"/refunds/"+second+"/settle", fields{"reference": "transfer 18"}).
			wantProblem(http.StatusConflict, "refund_too_large")
	})
}

func TestSettlementsAreWritesAsOthersAre(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	transfer := fields{"reference": "transfer 17"}
	asked := func(id string) (refund string) {
		refund = newID()
		p.do(command.Refund{Payment: paymentID(id), Refund: refund, Amount: euros(500), Reason: "cold"})
		return refund
	}
	refused := func(id string) (refund string) {
		refund = asked(id)
		p.do(command.RefuseRefund{Payment: paymentID(id), Refund: refund, Reason: "account_closed"})
		return refund
	}
	settle := func(t *testing.T, id, refund string, body any, headers ...string) answer {
		return s.adminClient(t).post("/admin/payments/"+id+"/refunds/"+refund+"/settle", body, headers...)
	}

	t.Run("once under a key", func(t *testing.T) {
		t.Parallel()
		id := p.debit(aTicket())
		one, other := refused(id), refused(id)
		key := "Idempotency-Key: " + newID()
		first := settle(t, id, one, transfer, key).want(http.StatusOK).wantHeader("ETag", `"7"`)
		wantSameAnswer(t, settle(t, strings.ToUpper(id), strings.ToUpper(one), transfer, key), first)
		settle(t, id, one, fields{"reference": "transfer 18"}, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		settle(t, id, other, transfer, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		settle(t, id, other, transfer).want(http.StatusOK)
		for _, e := range eventsOf(s.client(t), "payment.refunded", 2) {
			if e.Metadata["actor"] != "operator" {
				t.Errorf("%s was settled by %s, want operator", e.Type, e.Metadata["actor"])
			}
		}
	})

	t.Run("without waiting for it", func(t *testing.T) {
		t.Parallel()
		id := p.debit(aTicket())
		a := settle(t, id, refused(id), transfer, "Prefer: respond-async").want(http.StatusAccepted).wantHeader("Retry-After", "1")
		if o := awaitOutcome(s.adminClient(t), a.header.Get("Location")); o.Status != "succeeded" {
			t.Errorf("the outcome is %+v, want it succeeded", o)
		}
	})

	t.Run("not where nothing was refused", func(t *testing.T) {
		t.Parallel()
		id := p.debit(aTicket())
		settle(t, newID(), newID(), transfer).wantProblem(http.StatusNotFound, "payment_not_found")
		settle(t, id, newID(), transfer).wantProblem(http.StatusNotFound, "refund_unknown")
		settle(t, id, asked(id), transfer).wantProblem(http.StatusConflict, "refund_open")
		wantPointer(t, settle(t, "abc", newID(), transfer).wantProblem(http.StatusBadRequest, "invalid_parameter"), "/path/id")
		wantPointer(t, settle(t, id, "abc", transfer).wantProblem(http.StatusBadRequest, "invalid_parameter"), "/path/refund")
		s.client(t).post("/admin/payments/"+id+"/refunds/"+newID()+"/settle", transfer).wantProblem(http.StatusNotFound, "not_found")
	})

	for name, bad := range map[string]struct {
		body    any
		headers []string
		status  int
		code    string
		pointer string
	}{
		"without a body":            {nil, nil, 400, "malformed_json", ""},
		"with another body":         {`[]`, nil, 422, "invalid_request", ""},
		"without a reference":       {`{}`, nil, 422, "invalid_request", "/reference"},
		"with a blank reference":    {`{"reference":"\u3000"}`, nil, 422, "invalid_request", "/reference"},
		"with a long reference":     {fields{"reference": strings.Repeat("k", 201)}, nil, 422, "invalid_request", "/reference"},
		"with a field of its own":   {`{"reference":"x","amount":1}`, nil, 422, "invalid_request", "/amount"},
		"with an empty key":         {transfer, []string{"Idempotency-Key: "}, 400, "invalid_parameter", "/header/Idempotency-Key"},
		"for a version of no form":  {transfer, []string{"If-Match: 1"}, 400, "invalid_parameter", "/header/If-Match"},
		"for a version that it was": {transfer, []string{`If-Match: "1"`}, 412, "version_mismatch", ""},
	} {
		t.Run("not "+name, func(t *testing.T) {
			t.Parallel()
			id := p.debit(aTicket())
			refund := refused(id)
			problem := settle(t, id, refund, bad.body, bad.headers...).wantProblem(bad.status, bad.code)
			if bad.pointer != "" {
				wantPointer(t, problem, bad.pointer)
			}
			settle(t, id, refund, transfer).want(http.StatusOK)
		})
	}
}
