package query_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

var (
	dishes = []ticket.Item{{ProductID: "p-1", Title: "Margherita", Quantity: 2}}
	opened = ticket.Opened{OrderID: "7", Items: dishes, At: noon}
	open   = query.Ticket{OrderID: "7", Status: "open", Items: dishes, CreatedAt: noon, OpenedAt: noon, UpdatedAt: noon}
)

var ticketLives = map[string][]step[query.Ticket, ticket.Event]{
	"an accepted ticket": {
		{opened, func(v *query.Ticket) { *v = open }},
		{ticket.Accepted{OrderID: "7", At: minute(1)}, func(v *query.Ticket) { v.Status, v.UpdatedAt = "accepted", minute(1) }},
		{ticket.Withdrawn{OrderID: "7", Reason: "not hungry", At: minute(2)}, func(v *query.Ticket) {
			v.Status, v.Reason, v.UpdatedAt = "withdrawn", "not hungry", minute(2)
		}},
	},
	"a rejected ticket": {
		{opened, func(v *query.Ticket) { *v = open }},
		{ticket.Rejected{OrderID: "7", Reason: "no oven", At: minute(1)}, func(v *query.Ticket) {
			v.Status, v.Reason, v.UpdatedAt = "rejected", "no oven", minute(1)
		}},
	},
	"a ticket that is withdrawn before it is opened": {
		{ticket.Withdrawn{OrderID: "7", Reason: "not hungry", At: noon}, func(v *query.Ticket) {
			*v = query.Ticket{OrderID: "7", Status: "withdrawn", Reason: "not hungry", CreatedAt: noon, UpdatedAt: noon}
		}},
	},
}

func TestTicketViewAfterEachEvent(t *testing.T) {
	t.Parallel()
	wantViews(t, ticketLives, ticket.Catalogue())
}

func TestTicketHistoryShowsATicketAtAVersion(t *testing.T) {
	t.Parallel()
	codec, err := es.NewCodec(ticket.Catalogue(), ticket.Event.EventType)
	if err != nil {
		t.Fatal(err)
	}
	var a archive
	for i, e := range []ticket.Event{opened, ticket.Accepted{OrderID: "7", At: minute(1)}, ticket.Withdrawn{OrderID: "7", At: minute(2)}} {
		name, schema, data, err := codec.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		a.records = append(a.records, es.Record{
			ID: fmt.Sprint(i + 1), Stream: "ticket-7", Version: es.Version(i + 1), Type: name, Schema: schema, Data: data,
		})
	}
	h := &query.TicketHistory{Store: a, Codec: codec}
	for _, test := range []struct {
		id      ticket.ID
		version es.Version
		want    ticket.Status
		err     error
	}{
		{"7", 1, "open", nil}, {"7", 2, "accepted", nil}, {"7", 3, "withdrawn", nil},
		{"7", 4, "", query.ErrNoTicket}, {"7", 0, "", query.ErrNoTicket}, {"8", 1, "", query.ErrNoTicket},
	} {
		row, err := h.AtVersion(t.Context(), test.id, test.version)
		if !errors.Is(err, test.err) || row.Status != test.want || err == nil && (row.ID != test.id || row.Version != test.version) {
			t.Errorf("ticket %s at version %d is %+v, error %v, want it %s, error %v", test.id, test.version, row, err, test.want, test.err)
		}
	}
	h.Store = archive{records: a.records, err: errBroken}
	if row, err := h.AtVersion(t.Context(), "7", 9); !errors.Is(err, errBroken) || !reflect.DeepEqual(row, query.TicketRow{}) {
		t.Errorf("a history that breaks off: %+v, %v, want %v", row, err, errBroken)
	}
}
