package viewtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// PaymentViews keeps the view of payments and answers questions from it.
type PaymentViews interface {
	es.States[query.Payment]
	query.Payments
	query.Views
}

// TicketViews keeps the view of tickets and answers questions from it.
type TicketViews interface {
	es.States[query.Ticket]
	query.Tickets
	query.Views
}

// TestPaymentViews holds a store to what es.States, query.Payments and query.Views
// promise.
func TestPaymentViews(t *testing.T, open func(*testing.T) PaymentViews) {
	try(t, open, []trial[PaymentViews]{
		{"keeps a view for each payment", keepsPayments},
		{"lists those of an order, the oldest first, in pages", listPayments},
	})
}

// TestTicketViews holds a store to what es.States, query.Tickets and query.Views
// promise.
func TestTicketViews(t *testing.T, open func(*testing.T) TicketViews) {
	try(t, open, []trial[TicketViews]{
		{"keeps a view for each ticket", keepsTickets},
		{"lists all or those of a status, the newest first, in pages", listTickets},
		{"repeats and passes over nothing while tickets are opened and answered", ticketsMove},
	})
}

func keepsPayments(t *testing.T, v PaymentViews) {
	most := money.Money{Amount: money.Max, Currency: "EUR"}
	keeps(t, kept[query.Payment]{
		States: v, Views: v, category: "payment", none: query.ErrNoPayment,
		one: func(ctx context.Context, id string) (string, es.Seen[query.Payment], error) {
			row, err := v.Payment(ctx, payment.ID(id))
			return string(row.ID), es.Seen[query.Payment]{State: row.Payment, Version: row.Version}, err
		},
		count: func(t *testing.T) int { return len(paymentsOf(t, v, query.ListPayments{Order: "o", Limit: 100})) },
	}, query.Payment{
		OrderID: "o", Status: payment.StatusDebited, Amount: most, Refunded: money.Money{Currency: "EUR"},
		Method: "tok'\x00", Reference: "é\\", CreatedAt: noon, UpdatedAt: noon.Add(time.Hour),
		Refunds: []query.Refund{{
			ID: "r", Amount: most, Status: query.RefundRefused, Reason: "\"", RefuseReason: "no", Reference: "x",
			RequestedAt: noon, AnsweredAt: noon,
		}},
	}, query.Payment{OrderID: "o", Status: payment.StatusRequested, Amount: most, CreatedAt: noon, UpdatedAt: noon})
}

func keepsTickets(t *testing.T, v TicketViews) {
	keeps(t, kept[query.Ticket]{
		States: v, Views: v, category: "ticket", none: query.ErrNoTicket,
		one: func(ctx context.Context, id string) (string, es.Seen[query.Ticket], error) {
			row, err := v.Ticket(ctx, ticket.ID(id))
			return string(row.ID), es.Seen[query.Ticket]{State: row.Ticket, Version: row.Version}, err
		},
		count: func(t *testing.T) int { return len(ticketsOf(t, v, query.ListTickets{Limit: 100})) },
	}, query.Ticket{
		OrderID: "o", Status: ticket.StatusRejected, Reason: "é\x00\"'",
		Items:     []ticket.Item{{ProductID: "p", Title: "\\", Quantity: 3}},
		CreatedAt: noon, OpenedAt: noon, UpdatedAt: noon.Add(time.Hour),
	}, query.Ticket{OrderID: "o", Status: ticket.StatusOpen, CreatedAt: noon, OpenedAt: noon, UpdatedAt: noon})
}

func paymentsOf(t *testing.T, v PaymentViews, q query.ListPayments) []place {
	t.Helper()
	rows, err := v.List(t.Context(), q)
	must(t, err)
	return placesOf(rows, func(r query.PaymentRow) place { return place{r.CreatedAt, string(r.ID)} })
}

func ticketsOf(t *testing.T, v TicketViews, q query.ListTickets) []place {
	t.Helper()
	rows, err := v.List(t.Context(), q)
	must(t, err)
	return placesOf(rows, func(r query.TicketRow) place { return place{r.CreatedAt, string(r.ID)} })
}

func listPayments(t *testing.T, v PaymentViews) {
	want := map[order.ID][]place{}
	for i, at := range moments(40) {
		p := query.Payment{OrderID: []order.ID{"abc", "aBC", "abc "}[i%3], CreatedAt: at}
		id := anID()
		must(t, estest.SaveOne(t.Context(), v, id, p, 0, 1))
		want[p.OrderID] = append(want[p.OrderID], place{at, id})
	}
	want["nobody"] = nil
	for of, all := range want {
		slices.SortFunc(all, place.compare)
		for _, limit := range []int{1, 5, len(all) + 1, 100} {
			got := collect(t, limit, func(after query.Place) []place {
				return paymentsOf(t, v, query.ListPayments{Order: of, After: after, Limit: limit})
			})
			if !slices.Equal(got, all) {
				t.Errorf("pages of %d of order %q hold\n%v, want\n%v", limit, of, got, all)
			}
		}
	}
}

// openTickets saves tickets of which many share a time, every third of them
// accepted, and returns them by status, the newest first.
func openTickets(t *testing.T, v TicketViews, n int) map[ticket.Status][]place {
	t.Helper()
	all := map[ticket.Status][]place{ticket.StatusWithdrawn: nil}
	for i, at := range moments(n) {
		k := query.Ticket{Status: ticket.StatusOpen, CreatedAt: at}
		if i%3 == 0 {
			k.Status = ticket.StatusAccepted
		}
		id := anID()
		must(t, estest.SaveOne(t.Context(), v, id, k, 0, 1))
		for _, status := range []ticket.Status{"", k.Status} {
			all[status] = append(all[status], place{at, id})
		}
	}
	for _, of := range all {
		slices.SortFunc(of, func(a, b place) int { return b.compare(a) })
	}
	return all
}

func listTickets(t *testing.T, v TicketViews) {
	for status, want := range openTickets(t, v, 60) {
		for _, limit := range []int{1, 7, 30, 60, 100} {
			got := collect(t, limit, func(after query.Place) []place {
				return ticketsOf(t, v, query.ListTickets{Status: status, After: after, Limit: limit})
			})
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d of status %q hold\n%v, want\n%v", limit, status, got, want)
			}
		}
	}
}

func ticketsMove(t *testing.T, v TicketViews) {
	want := openTickets(t, v, 30)[""]
	moved := slices.Clone(want)
	got := collect(t, 7, func(after query.Place) []place {
		page := ticketsOf(t, v, query.ListTickets{After: after, Limit: 7})
		must(t, estest.SaveOne(t.Context(), v, anID(), query.Ticket{CreatedAt: noon.Add(time.Hour)}, 0, 1))
		last := moved[len(moved)-1]
		moved = moved[:len(moved)-1]
		answered := query.Ticket{Status: ticket.StatusRejected, CreatedAt: last.at, UpdatedAt: noon.Add(time.Hour)}
		must(t, estest.SaveOne(t.Context(), v, last.id, answered, 1, 2))
		return page
	})
	if !slices.Equal(got, want) {
		t.Fatalf("the pages hold\n%v, want\n%v", got, want)
	}
}
