package estest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// Events are the events of the aggregate S, whose package is the test's own. Its
// type of events is an interface that a method isEvent closes, and it folds them in
// a method Evolve, by a type switch.
type Events[S es.Folded[S, E], E any] struct {
	Category  string // what the names of its events begin with
	Catalogue []E
	TypeOf    func(E) string // the name of an event's type
	Written   map[string]E   // what each golden file in testdata/events decodes into; see Golden
	Add       bool           // write the golden files that are missing
}

// Codec returns the codec of the events.
func (k Events[S, E]) Codec(t testing.TB) *es.Codec[E] {
	t.Helper()
	codec, err := es.NewCodec(k.Catalogue, k.TypeOf)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// TestStored wants every event that was ever written to decode still.
func (k Events[S, E]) TestStored(t *testing.T) {
	t.Parallel()
	Golden[E]{Dir: "testdata/events", Codec: k.Codec(t), Catalogue: k.Catalogue, Values: k.Written, Add: k.Add}.Test(t)
}

// TestCatalogue wants the catalogue to list the events that the source has.
func (k Events[S, E]) TestCatalogue(t *testing.T) {
	t.Parallel()
	if got, want := TypeNames(k.Catalogue), TypesWith(t, ".", "isEvent"); !slices.Equal(got, want) {
		t.Errorf("the catalogue lists\n\t%v\nand the source has\n\t%v", got, want)
	}
}

// TestCases wants the aggregate to have a case for every event.
func (k Events[S, E]) TestCases(t *testing.T) {
	t.Parallel()
	aggregate := reflect.TypeFor[S]().Name()
	if got, want := CasesOf(t, ".", aggregate, "Evolve"), TypeNames(k.Catalogue); !slices.Equal(got, want) {
		t.Errorf("%s.Evolve has cases for\n\t%v\nand the catalogue lists\n\t%v", aggregate, got, want)
	}
}

// TestNames wants the events to be named after their category, in lower case.
func (k Events[S, E]) TestNames(t *testing.T) {
	t.Parallel()
	for _, e := range k.Catalogue {
		if name := k.TypeOf(e); !strings.HasPrefix(name, k.Category+".") || strings.ToLower(name) != name {
			t.Errorf("%T is called %q, want %s. and lower case", e, name, k.Category)
		}
	}
}

// Fuzz wants that no bytes under the name of an event do harm, and that what can be
// read is the same when it has been written and read again. The seeds are bytes
// under one of the names.
func (k Events[S, E]) Fuzz(f *testing.F, name string, seeds ...string) {
	codec := k.Codec(f)
	for _, e := range k.Written {
		name, _, data, err := codec.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, []byte(data))
	}
	for _, data := range seeds {
		f.Add(name, []byte(data))
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
		if was, is := told(read), told(again); was != is {
			t.Errorf("%s was\n\t%s\nand is\n\t%s", data, was, is)
		}
		var zero S
		if was, is := told(es.Fold(zero, read)), told(es.Fold(zero, again)); was != is {
			t.Errorf("%s is folded into\n\t%s\nand written again into\n\t%s", data, was, is)
		}
	})
}

// told says all of a value. Two times of one zone may be kept in different ways, which
// it does not show.
func told(v any) string { return fmt.Sprintf("%+v", v) }
