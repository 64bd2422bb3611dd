package faulttest

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// checkViews holds the views against fresh folds, and those against what the API
// says of a few orders.
func checkViews(f *findings, db *sql.DB, c *customers, streams map[es.Stream][]es.Record) error {
	orders, err := checkView[query.Order](f, db, streams, "order", order.Catalogue())
	if err != nil {
		return err
	}
	payments, err := checkView[query.Payment](f, db, streams, "payment", payment.Catalogue())
	if err != nil {
		return err
	}
	tickets, err := checkView[query.Ticket](f, db, streams, "ticket", ticket.Catalogue())
	asked := 0
	for id, fold := range orders {
		if asked++; asked <= 20 {
			checkAnswers(f, c, id, fold, streams[es.StreamOf("order", id)])
			checkParticipants(f, c, id, payments[fold.PaymentID], tickets[id])
		}
	}
	return err
}

// checkView holds the views of one category against fresh folds, which it returns.
func checkView[V es.Folded[V, E], E es.Event](f *findings, db *sql.DB, streams map[es.Stream][]es.Record, category string, catalogue []E) (map[string]V, error) {
	codec, err := es.NewCodec(catalogue, E.EventType)
	if err != nil {
		return nil, err
	}
	views := map[string][]byte{}
	err = each(db, func(scan func(...any) error) error {
		var id string
		var version int
		var document []byte
		if err := scan(&id, &version, &document); err != nil {
			return err
		}
		views[id] = document
		if n := len(streams[es.StreamOf(category, id)]); version != n {
			f.add(&f.views, "the view of %s %s is at version %d of %d", category, id, version, n)
		}
		return nil
	}, "SELECT id, version, document FROM "+category+"_views")
	folds := map[string]V{}
	for stream, records := range streams {
		if stream != es.StreamOf(category, stream.ID()) {
			continue
		}
		var fold V
		for _, r := range records {
			e, err := es.DecodeRecord(codec, r)
			if err != nil {
				return nil, err
			}
			fold = fold.Evolve(e)
		}
		want, err := json.Marshal(fold)
		if err != nil {
			return nil, err
		}
		if got := views[stream.ID()]; !bytes.Equal(got, want) {
			f.add(&f.views, "the view of %s is\n%s\nand not the fold\n%s", stream, got, want)
		}
		folds[stream.ID()] = fold
	}
	return folds, err
}

// checkAnswers compares what the API says of an order with its history there.
func checkAnswers(f *findings, c *customers, id string, fold query.Order, records []es.Record) {
	var shown struct {
		Status  string
		Version int
	}
	var history struct{ Data []struct{ ID string } }
	if err := c.read("/v1/orders/"+id, &shown); err != nil || shown.Status != string(fold.Status) || shown.Version != len(records) {
		f.add(&f.views, "the API shows order %s as %+v, want %s at version %d (%v)", id, shown, fold.Status, len(records), err)
	}
	err := c.read("/v1/orders/"+id+"/events", &history)
	if same := len(history.Data) == len(records); err != nil || !same {
		f.add(&f.views, "the API shows %d events of order %s, want %d (%v)", len(history.Data), id, len(records), err)
		return
	}
	for i, e := range history.Data {
		if !slices.ContainsFunc(records, func(r es.Record) bool { return r.ID == e.ID }) {
			f.add(&f.views, "the API shows event %d of order %s as %s, which is not there", i+1, id, e.ID)
		}
	}
}

// checkParticipants compares what the API says of an order's payment and ticket with
// their folds. An order here has one payment at most.
func checkParticipants(f *findings, c *customers, id string, paid query.Payment, slip query.Ticket) {
	var payments struct{ Data []struct{ Status string } }
	var shown, want []string
	err := c.read("/v1/orders/"+id+"/payments", &payments)
	for _, p := range payments.Data {
		shown = append(shown, p.Status)
	}
	if paid.Status != "" {
		want = []string{string(paid.Status)}
	}
	if err != nil || !slices.Equal(shown, want) {
		f.add(&f.views, "the API shows payments of order %s that are %v, want %v (%v)", id, shown, want, err)
	}
	if slip.Status == "" {
		return // there is none to ask about
	}
	var ticket struct{ Status string }
	if err := c.read("/v1/tickets/"+id, &ticket); err != nil || ticket.Status != string(slip.Status) {
		f.add(&f.views, "the API shows the ticket of order %s as %q, want %q (%v)", id, ticket.Status, slip.Status, err)
	}
}
