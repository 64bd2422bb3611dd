// Package viewtest is what every store of the views has to pass. An adapter calls
// its suites with functions that open an empty store.
package viewtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// Views keeps the view of orders and answers questions from it.
type Views interface {
	es.States[query.Order]
	query.Orders
	query.Views
}

// trial is one case of a suite.
type trial[S any] struct {
	name string
	run  func(*testing.T, S)
}

func try[S any](t *testing.T, open func(*testing.T) S, trials []trial[S]) {
	for _, trial := range trials {
		t.Run(trial.name, func(t *testing.T) {
			t.Parallel()
			trial.run(t, open(t))
		})
	}
}

// TestOrderViews holds a store to what es.States, query.Orders and query.Views promise.
func TestOrderViews(t *testing.T, open func(*testing.T) Views) {
	try(t, open, slices.Concat([]trial[Views]{
		{"keeps a view for each order", keepsOrders},
		{"lets one of 16 savers win each version", oneSaver},
		{"lists by status, customer and both", filters},
		{"lists from a time and up to, but not including, another", createdBetween},
		{"lists the newest first, in pages", listPages},
		{"repeats and passes over nothing while new orders arrive", listMoves},
	}, searches))
}

var noon = time.Date(2031, time.March, 4, 12, 0, 0, 123456000, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newID() order.ID { return order.ID(anID()) }

func draft(at time.Time) query.Order {
	return query.Order{
		CustomerID: "c-1", Status: order.StatusDraft, PaymentStatus: order.PaymentNone, CreatedAt: at, UpdatedAt: at,
	}
}

// save adds an order to the view.
func save(t *testing.T, v Views, o query.Order) query.OrderRow {
	t.Helper()
	row := query.OrderRow{ID: newID(), Version: 1, Order: o}
	must(t, estest.SaveOne(t.Context(), v, string(row.ID), o, 0, 1))
	return row
}

func idsOf(rows []query.OrderRow) []order.ID {
	var ids []order.ID
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

func list(t *testing.T, v Views, q query.ListOrders) []query.OrderRow {
	t.Helper()
	rows, err := v.List(t.Context(), q)
	must(t, err)
	return rows
}

func keepsOrders(t *testing.T, v Views) {
	full := draft(noon)
	full.Email, full.CancelReason, full.TrackingNumber = "o'brien@example.com", "é\x00\"'", "\\"
	full.Items = order.Cart{{ProductID: "p", Title: "T", Quantity: 3, UnitPrice: order.Money{Amount: order.MaxAmount, Currency: "EUR"}}}
	full.Total = order.Money{Amount: order.MaxAmount, Currency: "EUR"}
	full.DeliveryAddress = order.Address{Name: "N", Country: "NL"}
	full.ShippedAt = noon.Add(time.Hour)
	canceled := draft(noon)
	canceled.Status = order.StatusCanceled
	keeps(t, kept[query.Order]{
		States: v, Views: v, category: "order", none: query.ErrNotFound,
		one: func(ctx context.Context, id string) (string, es.Seen[query.Order], error) {
			row, err := v.Order(ctx, order.ID(id))
			return string(row.ID), es.Seen[query.Order]{State: row.Order, Version: row.Version}, err
		},
		count: func(t *testing.T) int { return len(list(t, v, query.ListOrders{Limit: 100})) },
	}, full, canceled)
}

func filters(t *testing.T, v Views) {
	want := map[query.ListOrders][]order.ID{}
	customers := []string{"Abc-1", "aBC-1", "Abc-1 ", "é", "%"}
	for i := range 30 {
		o := draft(noon.Add(-time.Duration(i) * time.Second))
		o.CustomerID = customers[i%5]
		if i%3 == 0 {
			o.Status = order.StatusSubmitted
		}
		id := save(t, v, o).ID
		for _, q := range []query.ListOrders{
			{}, {Status: o.Status}, {CustomerID: o.CustomerID}, {Status: o.Status, CustomerID: o.CustomerID},
		} {
			want[q] = append(want[q], id)
		}
	}
	want[query.ListOrders{CustomerID: "ABC-1"}] = nil
	want[query.ListOrders{Status: "Draft"}] = nil
	for q, ids := range want {
		q.Limit = 100
		if got := idsOf(list(t, v, q)); !slices.Equal(got, ids) {
			t.Errorf("%+v lists %v, want %v", q, got, ids)
		}
	}
}

func createdBetween(t *testing.T, v Views) {
	var ids []order.ID
	for i := range 5 {
		ids = append(ids, save(t, v, draft(noon.Add(time.Duration(i)*time.Microsecond))).ID)
	}
	at := func(micros float64) *time.Time { return new(noon.Add(time.Duration(micros * 1000))) }
	for _, c := range []struct {
		from, to *time.Time
		want     []order.ID
	}{
		{at(1), at(3), ids[1:3]},
		{at(1), nil, ids[1:]},
		{nil, at(3), ids[:3]},
		{at(0.5), at(2.5), ids[1:3]}, // no order is older than it is
		{at(2), at(2), nil},
		{at(3), at(1), nil},
		{new(at(1).In(time.FixedZone("", 3600))), at(2), ids[1:2]},
	} {
		want := slices.Clone(c.want)
		slices.Reverse(want)
		if got := idsOf(list(t, v, query.ListOrders{CreatedFrom: c.from, CreatedTo: c.to, Limit: 10})); !slices.Equal(got, want) {
			t.Errorf("from %v to %v are %v, want %v", c.from, c.to, got, want)
		}
	}
}

// crowd saves orders of which many share a time, and returns them newest first.
func crowd(t *testing.T, v Views, n int) []order.ID {
	t.Helper()
	var rows []query.OrderRow
	for i := range n {
		rows = append(rows, save(t, v, withItem(draft(noon.Add(time.Duration(i/25)*time.Microsecond)), "Pizza", "")))
	}
	slices.SortFunc(rows, func(a, b query.OrderRow) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(string(b.ID), string(a.ID))
	})
	return idsOf(rows)
}

// pages collects the orders of page after page; between is called after each.
func pages(t *testing.T, limit int, page func(query.Place) []query.OrderRow, between func()) (ids []order.ID) {
	t.Helper()
	collect(t, limit, func(after query.Place) []place {
		rows := page(after)
		between()
		ids = append(ids, idsOf(rows)...)
		return placesOf(rows, func(r query.OrderRow) place { return place{r.CreatedAt, string(r.ID)} })
	})
	return ids
}

func listPages(t *testing.T, v Views) {
	want := crowd(t, v, 60)
	for _, limit := range []int{1, 7, 30, 60, 100} {
		for _, q := range []query.ListOrders{{}, {Status: order.StatusDraft}, {CustomerID: "c-1"}, {CreatedFrom: new(noon), CreatedTo: new(noon.Add(time.Hour))}} {
			got := pages(t, limit, func(p query.Place) []query.OrderRow {
				q.After, q.Limit = p, limit
				return list(t, v, q)
			}, func() {})
			if !slices.Equal(got, want) {
				t.Fatalf("pages of %d hold\n%v, want\n%v", limit, got, want)
			}
		}
	}
}

func listMoves(t *testing.T, v Views) {
	want := crowd(t, v, 60)
	got := pages(t, 7, func(p query.Place) []query.OrderRow {
		return list(t, v, query.ListOrders{After: p, Limit: 7})
	}, func() {
		save(t, v, withItem(draft(noon.Add(time.Hour)), "Pizza", ""))
	})
	if !slices.Equal(got, want) {
		t.Fatalf("the pages hold\n%v, want\n%v", got, want)
	}
}
