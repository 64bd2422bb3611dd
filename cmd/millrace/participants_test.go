package main

import (
	"context"
	"strings"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// byHand has a gateway that nobody answers at, and a restaurant that waits for people,
// so that nothing happens to payments and tickets by itself.
func byHand(c *config) { c.Gateway, c.Restaurant = "http://127.0.0.1:1", "by-hand" }

// participants are payments and the restaurant, in the hands of a test.
type participants struct {
	testing.TB
	store    *sqlstore.Store
	commands *command.Codec
	handlers map[string]command.Handler // by what commands of theirs begin with
}

// participate lets a test decide what happens to payments and tickets of a service
// that does nothing by itself.
func participate(t testing.TB, s *service) *participants {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), s.config.Store)
	if err != nil {
		t.Fatal(err)
	}
	p := &participants{TB: t, store: store, handlers: map[string]command.Handler{}}
	if p.commands, err = command.NewCodec(); err != nil {
		t.Fatal(err)
	}
	payments, err := es.NewCodec(payment.Catalogue(), payment.Event.EventType)
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := es.NewCodec(ticket.Catalogue(), ticket.Event.EventType)
	if err != nil {
		t.Fatal(err)
	}
	p.handlers["payment."] = command.NewHandler(command.NewPayments(es.ExecutorConfig[payment.Event]{
		Store: store, Journal: store, Codec: payments, Now: time.Now, NewID: newID, Retries: 20,
	}), p.commands)
	p.handlers["ticket."] = command.NewHandler(command.NewTickets(es.ExecutorConfig[ticket.Event]{
		Store: store, Journal: store, Codec: tickets, Now: time.Now, NewID: newID, Retries: 20,
	}), p.commands)

	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// handle carries out a command, if it is theirs.
func (p *participants) handle(ctx context.Context, c es.Envelope) (es.Outcome, error) {
	category, _, _ := strings.Cut(c.Type, ".")
	handle, theirs := p.handlers[category+"."]
	if !theirs {
		return es.Outcome{}, nil
	}
	return handle(ctx, c)
}

// do asks for something and wants it to succeed.
func (p *participants) do(c command.Command) {
	p.Helper()
	if o, err := p.ask(c); err != nil || o.Status != es.StatusSucceeded {
		p.Fatalf("%s: %+v, error %v", c.CommandType(), o, err)
	}
}

// ask asks for something and returns what became of it.
func (p *participants) ask(c command.Command) (es.Outcome, error) {
	e, err := command.Seal(p.commands, c)
	if err != nil {
		return es.Outcome{}, err
	}
	e.ID, e.AcceptedAt = newID(), time.Now()
	return p.handle(p.Context(), e)
}

// open opens a ticket for an order, or for none that anybody has made, and waits
// until it can be seen.
func (p *participants) open(c client, order string) (path string) {
	p.Helper()
	id := order[len(order)-36:]
	p.do(command.OpenTicket{Ticket: ticket.ID(id), Order: id, Items: []ticket.Item{{ProductID: "p-1", Title: "Margherita", Quantity: 2}}})
	path = "/v1/tickets/" + id
	c.awaitTicket(path, contract.TicketStatusOpen)
	return path
}

// debit takes 19.00 for an order and returns the payment's id.
func (p *participants) debit(order string) string {
	p.Helper()
	id := p.request(order, "tok_ok")
	p.do(command.ConfirmDebit{Payment: payment.ID(id), Reference: "ch-" + id})
	return id
}

// request asks for 19.00 for an order and returns the payment's id.
func (p *participants) request(order, method string) string {
	p.Helper()
	id := newID()
	p.do(command.Debit{
		Payment: payment.ID(id), Order: order[len(order)-36:], Method: method, Amount: money.Money{Amount: 1900, Currency: "EUR"},
	})
	return id
}

func (a answer) ticket() contract.Ticket           { a.Helper(); return read[contract.Ticket](a) }
func (a answer) ticketList() contract.TicketList   { a.Helper(); return read[contract.TicketList](a) }
func (a answer) paymentList() contract.PaymentList { a.Helper(); return read[contract.PaymentList](a) }

// awaitTicket reads a ticket until it has a status.
func (c client) awaitTicket(path string, status contract.TicketStatus) (k contract.Ticket) {
	c.Helper()
	eventually(c, path+" is "+string(status), func() bool {
		a := c.get(path)
		if a.status == 404 {
			return false
		}
		k = a.want(200).ticket()
		return k.Status == status
	})
	return k
}

// awaitPayments reads the payments of an order until they are as they should be.
func (c client) awaitPayments(order string, are func([]contract.Payment) bool) (found []contract.Payment) {
	c.Helper()
	eventually(c, "the payments of "+order, func() bool {
		a := c.get(order + "/payments")
		if a.status == 404 {
			return false
		}
		found = a.want(200).paymentList().Data
		return are(found)
	})
	return found
}
