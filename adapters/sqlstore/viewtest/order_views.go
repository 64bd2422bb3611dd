// Package viewtest is what every store of the order view has to pass. An adapter
// calls its suite with a function that opens an empty store.
package viewtest

import (
	"crypto/rand"
	"errors"
	"reflect"
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
}

// trial is one case of the suite.
type trial struct {
	name string
	run  func(*testing.T, Views)
}

// TestOrderViews holds a store to what es.States and query.Orders promise.
func TestOrderViews(t *testing.T, open func(*testing.T) Views) {
	for _, trial := range append([]trial{
		{"knows nothing of an order that it has not seen", unseen},
		{"gives back what was saved", saved},
		{"refuses a save that has not seen what is there", stale},
		{"lets one of 16 savers win each version", oneSaver},
		{"lists by status, customer and both", filters},
		{"lists from a time and up to, but not including, another", createdBetween},
		{"lists the newest first, in pages", listPages},
		{"repeats and passes over nothing while new orders arrive", listMoves},
	}, searches...) {
		t.Run(trial.name, func(t *testing.T) {
			t.Parallel()
			trial.run(t, open(t))
		})
	}
}

var noon = time.Date(2031, time.March, 4, 12, 0, 0, 123456000, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newID() order.ID { return order.ID(strings.ToLower(rand.Text())) }

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

func wantRow(t *testing.T, v Views, want query.OrderRow) {
	t.Helper()
	got, err := v.Order(t.Context(), want.ID)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("the order is\n%+v, want\n%+v", got, want)
	}
	o, version, err := estest.LoadOne(t.Context(), v, string(want.ID))
	must(t, err)
	if version != want.Version || !reflect.DeepEqual(o, want.Order) {
		t.Fatalf("loaded\n%+v at version %d, want\n%+v", o, version, want)
	}
	seen, err := v.Seen(t.Context(), want.ID)
	must(t, err)
	if seen != want.Version {
		t.Fatalf("version %d was seen, want %d", seen, want.Version)
	}
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

func unseen(t *testing.T, v Views) {
	save(t, v, draft(noon))
	for _, id := range []order.ID{"", "%", newID()} {
		if row, err := v.Order(t.Context(), id); !errors.Is(err, query.ErrNotFound) {
			t.Fatalf("order %q is %+v, error %v, want %v", id, row, err, query.ErrNotFound)
		}
		o, version, err := estest.LoadOne(t.Context(), v, string(id))
		must(t, err)
		seen, err := v.Seen(t.Context(), id)
		must(t, err)
		if version != 0 || seen != 0 || !reflect.DeepEqual(o, query.Order{}) {
			t.Fatalf("order %q is %+v at version %d, seen at %d, want nothing", id, o, version, seen)
		}
	}
}

func saved(t *testing.T, v Views) {
	o := draft(noon)
	o.Email, o.CancelReason, o.TrackingNumber = "o'brien@example.com", "é\x00\"'", "\\"
	o.Items = order.Cart{{ProductID: "p", Title: "T", Quantity: 3, UnitPrice: order.Money{Amount: order.MaxAmount, Currency: "EUR"}}}
	o.Total = order.Money{Amount: order.MaxAmount, Currency: "EUR"}
	o.DeliveryAddress = order.Address{Name: "N", Country: "NL"}
	o.ShippedAt = noon.Add(time.Hour)
	row := save(t, v, o)
	other := save(t, v, draft(noon))
	wantRow(t, v, row)

	row.Order, row.Version = draft(noon), 4
	row.Status = order.StatusCanceled
	must(t, estest.SaveOne(t.Context(), v, string(row.ID), row.Order, 1, 4))
	wantRow(t, v, row)
	wantRow(t, v, other)
}

func stale(t *testing.T, v Views) {
	row := save(t, v, draft(noon))
	changed := row.Order
	changed.CustomerID = "somebody else"
	for _, from := range []es.Version{0, 2, 5} {
		if err := estest.SaveOne(t.Context(), v, string(row.ID), changed, from, 6); !errors.Is(err, es.ErrConflict) {
			t.Fatalf("saving from version %d says %v, want %v", from, err, es.ErrConflict)
		}
		wantRow(t, v, row)
	}
	missing := newID()
	if err := estest.SaveOne(t.Context(), v, string(missing), changed, 1, 2); !errors.Is(err, es.ErrConflict) {
		t.Fatalf("saving what is not there says %v, want %v", err, es.ErrConflict)
	}
	if got := list(t, v, query.ListOrders{Limit: 10}); len(got) != 1 {
		t.Fatalf("%d orders are there, want 1", len(got))
	}
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

// pages collects page after page; between is called after each.
func pages(t *testing.T, limit int, page func(query.Place) []query.OrderRow, between func()) []order.ID {
	t.Helper()
	var ids []order.ID
	for place := (query.Place{}); ; {
		rows := page(place)
		if len(rows) > limit {
			t.Fatalf("a page holds %d orders, want at most %d", len(rows), limit)
		}
		ids = append(ids, idsOf(rows)...)
		if len(rows) < limit {
			return ids
		}
		last := rows[len(rows)-1]
		place = query.Place{CreatedAt: last.CreatedAt, ID: last.ID}
		between()
	}
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
