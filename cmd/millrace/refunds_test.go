package main

import (
	"net/http"
	"strings"
	"testing"

	contract "github.com/millrace/millrace/api/client"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
)

func paymentID(id string) payment.ID { return payment.ID(id) }

func euros(cents int64) money.Money { return money.Money{Amount: cents, Currency: "EUR"} }

func TestOperatorsGiveMoneyBack(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	cold := fields{"reason": "cold"}
	some := func(cents int) fields {
		return fields{"amount": fields{"amount": cents, "currency": "EUR"}, "reason": "cold"}
	}
	ask := func(t *testing.T, id string, body any, headers ...string) answer {
		c := s.client(t)
		c.base = s.admin
		return c.post("/admin/payments/"+id+"/refunds", body, headers...)
	}

	t.Run("in part, and then what is left", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := createAndWait(c)
		id := p.debit(order)
		asked := ask(t, id, some(500)).want(http.StatusOK).wantHeader("ETag", `"3"`)
		o := asked.outcome()
		if o.Status != "succeeded" || o.Version == nil || *o.Version != 3 || o.PaymentID == nil || *o.PaymentID != id || o.OrderID != "" {
			t.Errorf("the outcome is %+v, want version 3 of payment %s", o, id)
		}
		ask(t, id, cold, `If-Match: "3"`).want(http.StatusOK)
		fresh := "Consistency-Token: " + asked.header.Get("Consistency-Token")
		c.get("/v1/tickets", fresh).want(http.StatusOK)
		found := c.awaitPayments(order, func(all []contract.Payment) bool { return len(all) == 1 && len(all[0].Refunds) == 2 })
		if a, b := found[0].Refunds[0], found[0].Refunds[1]; a.Amount.Amount != 500 || b.Amount.Amount != 1400 || a.ID == b.ID || b.Status != "requested" {
			t.Errorf("the refunds are %+v, want one of 500 and one of 1400", found[0].Refunds)
		}
		// The outcome can be read as any other, and says which order it is about.
		kept := c.get("/v1/commands/"+o.CommandID).want(http.StatusOK).wantHeader("Consistency-Token", asked.header.Get("Consistency-Token")).outcome()
		if "/v1/orders/"+kept.OrderID != order || kept.PaymentID == nil || *kept.PaymentID != id {
			t.Errorf("the outcome is %+v, want it of %s", kept, order)
		}
		for _, e := range eventsOf(c, "payment.refund_requested", 2) {
			if e.Metadata["actor"] != "operator" {
				t.Errorf("%s was asked for by %s, want operator", e.Type, e.Metadata["actor"])
			}
		}
		ask(t, id, cold).wantProblem(http.StatusConflict, "nothing_left")
	})

	t.Run("once under a key", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		order := createAndWait(c)
		id, other := p.debit(order), p.debit(order)
		key := "Idempotency-Key: " + newID()
		first := ask(t, id, some(500), key).want(http.StatusOK)
		wantSameAnswer(t, ask(t, strings.ToUpper(id), some(500), key), first)
		ask(t, id, some(600), key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		ask(t, other, some(500), key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		c.awaitPayments(order, func(all []contract.Payment) bool {
			return len(all) == 2 && len(all[0].Refunds) == 1 && len(all[1].Refunds) == 0
		})
	})

	t.Run("without waiting for it", func(t *testing.T) {
		t.Parallel()
		a := ask(t, p.debit(aTicket()), cold, "Prefer: respond-async").want(http.StatusAccepted).wantHeader("Retry-After", "1")
		admin, where := s.client(t), a.header.Get("Location")
		admin.base = s.admin
		o := awaitOutcome(admin, where)
		if o.Status != "succeeded" || where != "/admin/commands/"+o.CommandID {
			t.Errorf("the outcome at %s is %+v, want it succeeded", where, o)
		}
		eventually(t, "the outcome is as it is in public", func() bool { // also says of which order, once the view has the payment
			public := s.client(t).get("/v1/commands/" + o.CommandID).want(http.StatusOK)
			kept := admin.get(upperID(where)).want(http.StatusOK).wantHeader("Consistency-Token", public.header.Get("Consistency-Token"))
			return string(kept.body) == string(public.body)
		})
		admin.get("/admin/commands/"+newID()).wantProblem(http.StatusNotFound, "command_not_found")
		wantPointer(t, admin.get("/admin/commands/abc").wantProblem(http.StatusBadRequest, "invalid_parameter"), "/path/id")
	})

	t.Run("not where it was never taken", func(t *testing.T) {
		t.Parallel()
		refused := ask(t, newID(), cold).wantProblem(http.StatusNotFound, "payment_not_found")
		if refused.OrderID != nil || refused.PaymentID == nil || refused.CommandID == nil {
			t.Errorf("the problem is %+v, want it of a payment", refused)
		}
		kept := read[fields](s.client(t).get("/v1/commands/" + *refused.CommandID).want(http.StatusOK))
		if order, said := kept["order_id"]; said || kept["payment_id"] != *refused.PaymentID {
			t.Errorf("the outcome is %v, want it of the payment, and of no order such as %v", kept, order)
		}
		ask(t, p.request(aTicket(), "tok_slow"), cold).wantProblem(http.StatusConflict, "payment_not_debited")
	})

	t.Run("not more than it was, nor in other money", func(t *testing.T) {
		t.Parallel()
		id := p.debit(aTicket())
		ask(t, id, some(1901)).wantProblem(http.StatusConflict, "refund_too_large")
		ask(t, id, strings.Replace(`{"amount":{"amount":1,"currency":"EUR"},"reason":"x"}`, "EUR", "USD", 1)).wantProblem(http.StatusConflict, "currency_mismatch")
		ask(t, id, cold, `If-Match: "1"`).wantProblem(http.StatusPreconditionFailed, "version_mismatch")
		ask(t, id, some(1900)).want(http.StatusOK)
	})

	for name, bad := range map[string]struct {
		body    any
		headers []string
		status  int
		code    string
		pointer string
	}{
		"without a body":           {nil, nil, 400, "malformed_json", ""},
		"with half a body":         {`{"reason":`, nil, 400, "malformed_json", ""},
		"with another body":        {`[]`, nil, 422, "invalid_request", ""},
		"without a reason":         {`{}`, nil, 422, "invalid_request", "/reason"},
		"with a blank reason":      {`{"reason":"\u3000"}`, nil, 422, "invalid_request", "/reason"},
		"with too long a reason":   {`{"reason":"` + strings.Repeat("k", 501) + `"}`, nil, 422, "invalid_request", "/reason"},
		"of nothing":               {`{"reason":"x","amount":{"amount":0,"currency":"EUR"}}`, nil, 422, "invalid_request", "/amount/amount"},
		"of half a cent":           {`{"reason":"x","amount":{"amount":0.5,"currency":"EUR"}}`, nil, 422, "invalid_request", "/amount/amount"},
		"of no currency":           {`{"reason":"x","amount":{"amount":1,"currency":"ZZZ"}}`, nil, 422, "invalid_request", "/amount/currency"},
		"of an amount of nothing":  {`{"reason":"x","amount":{}}`, nil, 422, "invalid_request", "/amount/currency"},
		"of null":                  {`{"reason":"x","amount":null}`, nil, 422, "invalid_request", "/amount"},
		"with a field of its own":  {`{"reason":"x","all":true}`, nil, 422, "invalid_request", "/all"},
		"of more than 1 MiB":       {strings.Repeat(" ", 1<<20+1), nil, 413, "body_too_large", ""},
		"in another language":      {cold, []string{"Content-Type: text/plain"}, 415, "unsupported_media_type", ""},
		"with two keys":            {cold, []string{"Idempotency-Key: a", "Idempotency-Key: b"}, 400, "invalid_parameter", "/header/Idempotency-Key"},
		"with an empty key":        {cold, []string{"Idempotency-Key: "}, 400, "invalid_parameter", "/header/Idempotency-Key"},
		"with a long key":          {cold, []string{"Idempotency-Key: " + strings.Repeat("k", 256)}, 400, "invalid_parameter", "/header/Idempotency-Key"},
		"for a version of no form": {cold, []string{"If-Match: 1"}, 400, "invalid_parameter", "/header/If-Match"},
	} {
		t.Run("not "+name, func(t *testing.T) {
			t.Parallel()
			id := p.debit(aTicket())
			problem := ask(t, id, bad.body, bad.headers...).wantProblem(bad.status, bad.code)
			if bad.pointer != "" {
				wantPointer(t, problem, bad.pointer)
			}
			ask(t, id, cold).want(http.StatusOK)
		})
	}

	t.Run("not of what is no payment", func(t *testing.T) {
		t.Parallel()
		wantPointer(t, ask(t, "abc", cold).wantProblem(http.StatusBadRequest, "invalid_parameter"), "/path/id")
		s.client(t).post("/admin/payments/"+newID()+"/refunds", cold).wantProblem(http.StatusNotFound, "not_found")
	})
}

// eventsOf reads the first n events of a type.
func eventsOf(c client, eventType string, n int) (events []contract.Event) {
	c.Helper()
	f := c.follow("?type="+eventType, "Last-Event-ID: 0")
	for range n {
		events = append(events, f.next().data)
	}
	return events
}
