package ticket_test

import (
	"flag"
	"testing"

	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es/estest"
)

var update = flag.Bool("update", false, "add the golden files that are missing")

var goldenTime = noon.Add(123_456_000) // microseconds, as the store keeps them

// written says what each golden file stands for. The values use every field.
var written = map[string]ticket.Event{
	"ticket.opened.v1": ticket.Opened{OrderID: "o-1", Items: []ticket.Item{
		{ProductID: "p-1", Title: "Margherita 🍕", Quantity: 2}, {ProductID: "p-2", Title: "Café", Quantity: 1},
	}, At: goldenTime},
	"ticket.accepted.v1":  ticket.Accepted{OrderID: "o-1", At: goldenTime},
	"ticket.rejected.v1":  ticket.Rejected{OrderID: "o-1", Reason: "no oven", At: goldenTime},
	"ticket.withdrawn.v1": ticket.Withdrawn{OrderID: "o-1", Reason: "not hungry", At: goldenTime},
}

func kit() estest.Events[ticket.Ticket, ticket.Event] {
	return estest.Events[ticket.Ticket, ticket.Event]{
		Category: ticket.Category, Catalogue: ticket.Catalogue(), TypeOf: ticket.Event.EventType, Written: written, Add: *update,
	}
}

func TestEveryEventEverWrittenStillDecodes(t *testing.T) { kit().TestStored(t) }

func TestCatalogueListsEveryEvent(t *testing.T) { kit().TestCatalogue(t) }

func TestTicketHasACaseForEveryEvent(t *testing.T) { kit().TestCases(t) }

func TestEventsAreNamedAfterTheTicket(t *testing.T) { kit().TestNames(t) }

func TestEventsSayWhichOrderTheyAreAbout(t *testing.T) {
	for _, e := range written {
		if e.Order() != "o-1" {
			t.Errorf("%T is about order %q, want o-1", e, e.Order())
		}
	}
}

func FuzzCodec(f *testing.F) {
	kit().Fuzz(f, "ticket.opened",
		``, `null`, `[]`, `{"at":null}`, `{"items":null}`, `{"items":[null,{}]}`, `{"AT":"2025-03-01T12:00:00+23:59"}`)
}
