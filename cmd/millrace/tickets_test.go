package main

import (
	"net/http"
	"slices"
	"testing"

	contract "github.com/millrace/millrace/api/client"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/ticket"
)

// aTicket is where a ticket of nobody's would be.
func aTicket() string { return "/v1/tickets/" + newID() }

func TestTicketAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	no := fields{"reason": "no oven"}

	t.Run("are outcomes with a version and a token", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		path := p.open(c, aTicket())
		accepted := c.post(path+"/accept", nil).want(http.StatusOK).wantHeader("ETag", `"2"`)
		o := accepted.outcome()
		if o.Status != "succeeded" || "/v1/tickets/"+o.OrderID != path || o.Version == nil || *o.Version != 2 || o.PaymentID != nil {
			t.Errorf("the outcome is %+v, want version 2 of %s", o, path)
		}
		fresh := "Consistency-Token: " + accepted.header.Get("Consistency-Token")
		k := c.get(path, fresh).want(http.StatusOK).wantHeader("ETag", `"2"`).ticket()
		if k.Status != "accepted" || k.Version != 2 || k.OrderID != k.ID || k.Items[0].Quantity != 2 || k.OpenedAt == nil || k.Reason != nil {
			t.Errorf("the ticket is %+v, want it accepted", k)
		}
		if got := c.get("/v1/commands/" + o.CommandID).want(http.StatusOK); fresh != "Consistency-Token: "+got.header.Get("Consistency-Token") {
			t.Errorf("the command has the token %q, want %q", got.header.Get("Consistency-Token"), fresh)
		}
	})

	t.Run("need nothing said to accept", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		for _, nothing := range []any{nil, "", "{}", " { } "} {
			c.post(p.open(c, aTicket())+"/accept", nothing).want(http.StatusOK)
		}
	})

	t.Run("can be the ticket as it was written", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		path := p.open(c, aTicket())
		a := c.post(path+"/reject", no, "Prefer: return=representation").want(http.StatusOK).wantHeader("ETag", `"2"`)
		a.wantHeader("Preference-Applied", "return=representation").wantHeader("Content-Location", path)
		if k := a.ticket(); k.Status != "rejected" || k.Reason == nil || *k.Reason != "no oven" || k.Version != 2 || "/v1/tickets/"+k.ID != path {
			t.Errorf("the ticket is %+v, want it rejected at version 2", k)
		}
	})

	t.Run("need not be waited for", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		path := p.open(c, aTicket())
		accepted := c.post(path+"/accept", nil, "Prefer: respond-async").want(http.StatusAccepted)
		accepted.wantHeader("Preference-Applied", "respond-async").wantHeader("ETag", "")
		if o := awaitOutcome(c, accepted.header.Get("Location")); o.Status != "succeeded" || "/v1/tickets/"+o.OrderID != path {
			t.Errorf("the outcome is %+v, want it succeeded", o)
		}
		c.awaitTicket(path, contract.TicketStatusAccepted)
	})

	for state, bring := range map[string]struct {
		do   func(c client, path string)
		code string
	}{
		"accepted": {func(c client, path string) { c.post(path+"/accept", nil).want(http.StatusOK) }, "ticket_accepted"},
		"rejected": {func(c client, path string) { c.post(path+"/reject", no).want(http.StatusOK) }, "ticket_rejected"},
		"withdrawn": {func(_ client, path string) {
			id := path[len(path)-36:]
			p.do(command.WithdrawTicket{Ticket: ticket.ID(id), Order: id, Reason: "not hungry"})
		}, "ticket_withdrawn"},
	} {
		t.Run("are refused once it is "+state, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			path := p.open(c, aTicket())
			bring.do(c, path)
			for _, a := range []answer{c.post(path+"/accept", nil), c.post(path+"/reject", no)} {
				problem := a.wantProblem(http.StatusConflict, bring.code)
				if problem.OrderID == nil || *problem.OrderID != path[len(path)-36:] || problem.CommandID == nil || problem.PaymentID != nil {
					t.Errorf("the problem is %+v, want it of %s", problem, path)
				}
				o := c.get("/v1/commands/" + *problem.CommandID).want(http.StatusOK).outcome()
				if o.Status != "rejected" || o.Problem == nil || o.Problem.Code != bring.code {
					t.Errorf("the outcome is %+v, want it rejected with %s", o, bring.code)
				}
			}
		})
	}

	t.Run("are for tickets that are there", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		c.post(aTicket()+"/accept", nil).wantProblem(http.StatusNotFound, "ticket_not_found")
		c.post(aTicket()+"/reject", no, `If-Match: "1"`).wantProblem(http.StatusNotFound, "ticket_not_found")
		c.get(aTicket()).wantProblem(http.StatusNotFound, "ticket_not_found")
	})

	t.Run("are for the version that If-Match names", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		path := p.open(c, aTicket())
		c.post(path+"/accept", nil, `If-Match: "2"`).wantProblem(http.StatusPreconditionFailed, "version_mismatch")
		c.post(path+"/reject", no, `If-Match: W/"1"`).wantProblem(http.StatusPreconditionFailed, "version_mismatch")
		wantPointer(t, c.post(path+"/accept", nil, "If-Match: 1").wantProblem(http.StatusBadRequest, "invalid_parameter"), "/header/If-Match")
		c.post(path+"/accept", nil, `If-Match: "1"`).want(http.StatusOK)
	})

	t.Run("are given once under a key", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		path, other := p.open(c, aTicket()), p.open(c, aTicket())
		key := "Idempotency-Key: " + newID()
		first := c.post(path+"/reject", no, key).want(http.StatusOK)
		for _, a := range atOnce(t, 8, func() (answer, error) { return c.try(http.MethodPost, path+"/reject", no, key) }) {
			wantSameAnswer(t, a, first)
		}
		c.post(path+"/reject", fields{"reason": "no flour"}, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		c.post(other+"/reject", no, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		accepted := c.post(other+"/accept", nil, key).want(http.StatusOK) // another operation
		wantSameAnswer(t, c.post(other+"/accept", nil, key), accepted)
		c.post(path+"/accept", nil, key).wantProblem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		refused := c.post(path+"/accept", nil, key+"2")
		refused.wantProblem(http.StatusConflict, "ticket_rejected")
		wantSameAnswer(t, c.post(path+"/accept", nil, key+"2"), refused)
	})

	t.Run("are one of many that come at once", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		path := p.open(c, aTicket())
		won := 0
		for _, a := range atOnce(t, 16, func() (answer, error) { return c.try(http.MethodPost, path+"/accept", nil) }) {
			if a.status == http.StatusOK {
				won++
				continue
			}
			a.wantProblem(http.StatusConflict, "ticket_accepted")
		}
		if won != 1 {
			t.Errorf("%d answers were taken, want 1", won)
		}
	})

	t.Run("know ids in capitals", func(t *testing.T) {
		t.Parallel()
		c := s.client(t)
		path := p.open(c, aTicket())
		if k := c.get(upperID(path)).want(http.StatusOK).ticket(); "/v1/tickets/"+k.ID != path {
			t.Errorf("read ticket %s, want %s", k.ID, path)
		}
		c.post("/v1/tickets/"+upperID(path)[len("/v1/tickets/"):]+"/accept", nil).want(http.StatusOK)
	})
}

func TestTicketReads(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	c := s.client(t)
	path := p.open(c, c.create())
	tag := c.get(path).want(http.StatusOK).wantHeader("Cache-Control", "no-cache").header.Get("ETag")
	if a := c.get(path, "If-None-Match: "+tag).want(http.StatusNotModified); len(a.body) > 0 {
		t.Errorf("304 with a body: %q", a.body)
	}
	c.get(path, `If-None-Match: "9"`).want(http.StatusOK)
	c.do(http.MethodHead, path, nil).want(http.StatusOK).wantHeader("ETag", tag)

	// What is withdrawn before it was opened has no items and was never opened.
	id := newID()
	p.do(command.WithdrawTicket{Ticket: ticket.ID(id), Order: id, Reason: "not hungry"})
	k := c.awaitTicket("/v1/tickets/"+id, contract.TicketStatusWithdrawn)
	if k.OpenedAt != nil || len(k.Items) > 0 || k.CreatedAt.IsZero() || k.Reason == nil || *k.Reason != "not hungry" {
		t.Errorf("the ticket is %+v, want one that was never opened", k)
	}
}

func TestTicketLists(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	c := s.client(t)
	if list := c.get("/v1/tickets").want(http.StatusOK).ticketList(); len(list.Data) > 0 || list.NextCursor != nil {
		t.Errorf("there are %+v, want no tickets", list)
	}
	want := map[string][]string{"rejected": nil}
	for i := range 7 {
		path := p.open(c, aTicket())
		status := "open"
		if i%2 == 0 {
			a := c.post(path+"/accept", nil).want(http.StatusOK)
			c.get("/v1/tickets", "Consistency-Token: "+a.header.Get("Consistency-Token")).want(http.StatusOK)
			status = "accepted"
		}
		for _, key := range []string{"", status} { // the newest first
			want[key] = slices.Insert(want[key], 0, path[len(path)-36:])
		}
	}
	for status, ids := range want {
		query := ""
		if status != "" {
			query = "status=" + status
		}
		for _, limit := range []int{1, 3, 7, 200} {
			if got := pages(t, c, "/v1/tickets", query, limit, func(contract.OrderList) {}); !slices.Equal(got, ids) {
				t.Errorf("pages of %d with status %q: %v, want %v", limit, status, got, ids)
			}
		}
	}
	arrivals := 0
	got := pages(t, c, "/v1/tickets", "status=open", 1, func(contract.OrderList) { p.open(c, aTicket()); arrivals++ })
	if !slices.Equal(got, want["open"]) || arrivals < 3 {
		t.Errorf("while tickets are opened the pages hold %v, want %v", got, want["open"])
	}
}

// A token of any write makes any read wait, whatever that reads.
func TestTokensOfTicketsWorkOnEveryRead(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	c := s.client(t)
	order := createAndWait(c)
	c.get(order, "Consistency-Token: "+token(order, 1)).want(http.StatusOK)
	for i := range 20 {
		path := p.open(c, aTicket())
		a := c.post(path+"/accept", nil).want(http.StatusOK)
		fresh := "Consistency-Token: " + a.header.Get("Consistency-Token")
		for _, read := range []string{"/v1/orders", "/v1/orders/search?q=a", order, order + "/events", order + "/payments"}[i%5:][:1] {
			c.get(read, fresh).want(http.StatusOK)
			if k := c.get(path).want(http.StatusOK).ticket(); k.Status != "accepted" { // now it is there for everybody
				t.Errorf("after %s with a token the ticket is %s, want accepted", read, k.Status)
			}
		}
		if i < 15 {
			continue
		}
		list := c.get("/v1/tickets?status=open", fresh).want(http.StatusOK).ticketList()
		if slices.ContainsFunc(list.Data, func(k contract.Ticket) bool { return "/v1/tickets/"+k.ID == path }) {
			t.Errorf("the list has %s as open after it was accepted", path)
		}
	}
}

func TestEventStreamHasWhatHappensToPaymentsAndTickets(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	c := s.client(t)
	order := c.create()
	id := order[len(order)-36:]
	all, typed := c.follow("", "Last-Event-ID: 0"), c.follow("?type=ticket.accepted", "Last-Event-ID: 0")
	own := c.follow("?order="+id, "Last-Event-ID: 0")
	payment := p.request(order, "tok_ok")
	path := p.open(c, order)
	c.post(path+"/accept", nil).want(http.StatusOK)
	c.put(order+"/cart", fields{"items": []contract.Item{margherita(3)}}).want(http.StatusOK)

	streams := map[string]string{
		"order.created": "order-" + id, "order.cart_updated": "order-" + id,
		"payment.debit_requested": "payment-" + payment, "ticket.opened": "ticket-" + id, "ticket.accepted": "ticket-" + id,
	}
	for range 5 {
		m := all.next()
		if stream, ok := streams[m.event]; !ok || m.data.Stream != stream || m.data.OrderID != id {
			t.Errorf("%s is of %s and about order %s, want %s and %s", m.event, m.data.Stream, m.data.OrderID, stream, id)
		}
		delete(streams, m.event)
	}
	if m := typed.next(); m.event != "ticket.accepted" || m.data.OrderID != id || m.data.Version != 2 {
		t.Errorf("the stream of one type has %+v, want the ticket accepted", m)
	}
	if got, _ := own.types(2); !slices.Equal(got, []string{"order.created", "order.cart_updated"}) {
		t.Errorf("the stream of one order has %v, want what happened to itself", got)
	}
	wantHistory(t, c, order, "order.created", "order.cart_updated")
}
