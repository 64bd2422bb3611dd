package ticket_test

import (
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
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

func newCodec(t testing.TB) *es.Codec[ticket.Event] {
	t.Helper()
	codec, err := es.NewCodec(ticket.Catalogue(), ticket.Event.EventType)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func TestEveryEventEverWrittenStillDecodes(t *testing.T) {
	t.Parallel()
	estest.Golden[ticket.Event]{
		Dir: "testdata/events", Codec: newCodec(t), Catalogue: ticket.Catalogue(), Values: written, Add: *update,
	}.Test(t)
}

func TestCatalogueListsEveryEvent(t *testing.T) {
	t.Parallel()
	if got, want := estest.TypeNames(ticket.Catalogue()), estest.TypesWith(t, ".", "isEvent"); !slices.Equal(got, want) {
		t.Errorf("the catalogue lists\n\t%v\nand the source has\n\t%v", got, want)
	}
}

func TestTicketHasACaseForEveryEvent(t *testing.T) {
	t.Parallel()
	if got, want := estest.CasesOf(t, ".", "Ticket", "Evolve"), estest.TypeNames(ticket.Catalogue()); !slices.Equal(got, want) {
		t.Errorf("Ticket.Evolve has cases for\n\t%v\nand the catalogue lists\n\t%v", got, want)
	}
}

func TestEventsAreNamedAfterTheTicketAndSayWhichOrderTheyAreAbout(t *testing.T) {
	t.Parallel()
	for _, e := range written {
		if !strings.HasPrefix(e.EventType(), ticket.Category+".") || strings.ToLower(e.EventType()) != e.EventType() {
			t.Errorf("%T is called %q, want ticket. and lower case", e, e.EventType())
		}
		if e.Order() != "o-1" {
			t.Errorf("%T is about order %q, want o-1", e, e.Order())
		}
	}
}

// FuzzCodec wants that no bytes under the name of an event do harm, and that what
// can be read is the same when it has been written and read again.
func FuzzCodec(f *testing.F) {
	codec := newCodec(f)
	for _, e := range written {
		name, _, data, err := codec.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, []byte(data))
	}
	for _, data := range []string{``, `null`, `[]`, `{"at":null}`, `{"items":null}`, `{"items":[null,{}]}`, `{"AT":"2025-03-01T12:00:00+23:59"}`} {
		f.Add("ticket.opened", []byte(data))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		read, err := codec.Decode(name, 1, data)
		if err != nil {
			return
		}
		name, schema, first, err := codec.Encode(read)
		if err != nil {
			t.Fatalf("encode %+v: %v", read, err)
		}
		again, err := codec.Decode(name, schema, first)
		if err != nil {
			t.Fatalf("decode %s: %v", first, err)
		}
		if !reflect.DeepEqual(again, read) {
			t.Errorf("%s was\n\t%+v\nand is\n\t%+v", data, read, again)
		}
	})
}
