package crashtest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// viewRow is the view of an order, a payment or a ticket.
type viewRow struct {
	seq      int64 // of an order, its row in the search index
	version  es.Version
	columns  string // what its table holds besides the document
	document string
}

// viewQueries read the views of each category.
var viewQueries = map[string]string{
	"order":   "SELECT id, version, status || ' ' || customer_id || ' ' || created_at, document, seq FROM order_views",
	"payment": "SELECT id, version, order_id || ' ' || created_at, document, 0 FROM payment_views",
	"ticket":  "SELECT id, version, status || ' ' || created_at, document, 0 FROM ticket_views",
}

func (b *book) readViews(tx *sql.Tx) error {
	var errs []error
	for category, text := range viewQueries {
		errs = append(errs, each(tx, func(scan func(...any) error) error {
			var id string
			var v viewRow
			err := scan(&id, &v.version, &v.columns, &v.document, &v.seq)
			b.views[es.StreamOf(category, id)] = v
			return err
		}, text))
	}
	return errors.Join(errs...)
}

// readSearch looks every order up by its title, as a customer would.
func (b *book) readSearch(tx *sql.Tx) error {
	for stream := range b.streamsOf("order") {
		for _, title := range b.titles(stream) {
			err := each(tx, func(scan func(...any) error) error {
				var seq int64
				err := scan(&seq)
				b.found[title] = append(b.found[title], seq)
				return err
			}, "SELECT rowid FROM order_search WHERE order_search MATCH ?", `"`+title+`"`)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// titles are what an order may be found by. They hold the key that it was created with.
func (b *book) titles(stream es.Stream) []string {
	var key string
	if created, ok := b.events[stream][0].(order.Created); ok {
		key, _, _ = strings.Cut(created.Cart[0].Title, " ")
	}
	return []string{key + " " + wordBefore, key + " " + wordAfter}
}

// checkViews holds all views against fresh folds.
func (b *book) checkViews(f *findings) {
	checkView(b, f, "order", func(v query.Order) string {
		return fmt.Sprintf("%s %s %d", v.Status, v.CustomerID, v.CreatedAt.UnixMicro())
	})
	checkView(b, f, "payment", func(v query.Payment) string {
		return fmt.Sprintf("%s %d", v.OrderID, v.CreatedAt.UnixMicro())
	})
	checkView(b, f, "ticket", func(v query.Ticket) string {
		return fmt.Sprintf("%s %d", v.Status, v.CreatedAt.UnixMicro())
	})
	for stream, v := range b.views {
		if len(b.streams[stream]) == 0 {
			f.add("there is a view of %s at version %d and no such stream", stream, v.version)
		}
	}
	for stream := range b.streamsOf("order") {
		b.checkSearch(f, stream)
	}
}

// checkView holds the views of one category against fresh folds of their streams.
func checkView[V es.Folded[V, E], E es.Event](b *book, f *findings, category string, columns func(V) string) {
	for stream := range b.streamsOf(category) {
		v, known := b.views[stream]
		if !known {
			continue
		}
		events := eventsOf[E](b, stream)
		if int(v.version) > len(events) || v.version < 1 {
			f.add("the view of %s is at version %d of %d", stream, v.version, len(events))
			continue
		}
		var zero V
		fold := es.Fold(zero, events[:v.version]...)
		if want, err := json.Marshal(fold); err != nil || v.document != string(want) {
			f.add("the view of %s at version %d is\n%s\nand not the fold\n%s (%v)", stream, v.version, v.document, want, err)
		}
		if want := columns(fold); v.columns != want {
			f.add("the view of %s has columns %q, and those of its fold are %q", stream, v.columns, want)
		}
	}
}

// eventsOf returns the events of a stream as those of its category.
func eventsOf[E es.Event](b *book, stream es.Stream) []E {
	events := make([]E, len(b.events[stream]))
	for i, e := range b.events[stream] {
		events[i] = e.(E)
	}
	return events
}

// The folds of streams as they are now.
func (b *book) order(id string) query.Order {
	return es.Fold(query.Order{}, eventsOf[order.Event](b, es.StreamOf("order", id))...)
}

func (b *book) payment(id string) query.Payment {
	return es.Fold(query.Payment{}, eventsOf[payment.Event](b, es.StreamOf("payment", id))...)
}

func (b *book) ticket(id string) query.Ticket {
	return es.Fold(query.Ticket{}, eventsOf[ticket.Event](b, es.StreamOf("ticket", id))...)
}

// checkSearch looks for an order that is not found by its title, or by another one.
func (b *book) checkSearch(f *findings, stream es.Stream) {
	v, known := b.views[stream]
	if !known || int(v.version) > len(b.events[stream]) {
		return
	}
	fold := es.Fold(query.Order{}, eventsOf[order.Event](b, stream)[:v.version]...)
	for _, title := range b.titles(stream) {
		var want []int64
		if fold.Items[0].Title == title {
			want = []int64{v.seq}
		}
		if got := b.found[title]; !slices.Equal(got, want) {
			f.add("a search for %q finds rows %v, want %v", title, got, want)
		}
	}
}
