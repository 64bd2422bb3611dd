package viewtest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// kept is a store of views of one kind.
type kept[V any] struct {
	es.States[V]
	query.Views
	category string
	none     error                                                            // says that there is no such view
	one      func(ctx context.Context, id string) (string, es.Seen[V], error) // asks for one, and its id
	count    func(*testing.T) int                                             // how many there are
}

// keeps sees that views are kept as they were saved, by those who have seen what is
// there. Two views differ.
func keeps[V any](t *testing.T, k kept[V], first, second V) {
	k.wantNothing(t, "", "%", anID())

	id, other := anID(), anID()
	must(t, estest.SaveOne(t.Context(), k, id, first, 0, 1))
	must(t, estest.SaveOne(t.Context(), k, other, second, 0, 3))
	k.want(t, id, first, 1)
	k.want(t, other, second, 3)
	must(t, estest.SaveOne(t.Context(), k, id, second, 1, 4))
	k.want(t, id, second, 4)
	k.want(t, other, second, 3)

	for _, from := range []es.Version{0, 1, 3, 5} {
		if err := estest.SaveOne(t.Context(), k, id, first, from, 6); !errors.Is(err, es.ErrConflict) {
			t.Fatalf("saving from version %d says %v, want %v", from, err, es.ErrConflict)
		}
		k.want(t, id, second, 4)
	}
	missing := anID()
	if err := estest.SaveOne(t.Context(), k, missing, first, 1, 2); !errors.Is(err, es.ErrConflict) {
		t.Fatalf("saving what is not there says %v, want %v", err, es.ErrConflict)
	}
	k.wantNothing(t, "", "%", missing, strings.ToUpper(id), id+" ")
	if n := k.count(t); n != 2 {
		t.Fatalf("%d views are there, want 2", n)
	}
}

func (k kept[V]) want(t *testing.T, id string, view V, version es.Version) {
	t.Helper()
	want := es.Seen[V]{State: view, Version: version}
	gotID, got, err := k.one(t.Context(), id)
	must(t, err)
	if gotID != id || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is\n%s %+v, want\n%+v", id, gotID, got, want)
	}
	loaded, err := k.Load(t.Context(), []string{id})
	must(t, err)
	if len(loaded) != 1 || !reflect.DeepEqual(loaded[id], want) {
		t.Fatalf("loaded\n%+v, want\n%+v", loaded, want)
	}
	k.wantSeen(t, id, version)
}

func (k kept[V]) wantNothing(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, got, err := k.one(t.Context(), id); !errors.Is(err, k.none) {
			t.Fatalf("%q is %+v, error %v, want %v", id, got, err, k.none)
		}
		loaded, err := k.Load(t.Context(), []string{id})
		must(t, err)
		if len(loaded) > 0 {
			t.Fatalf("loaded %+v for %q, want nothing", loaded, id)
		}
		k.wantSeen(t, id, 0)
	}
}

func (k kept[V]) wantSeen(t *testing.T, id string, version es.Version) {
	t.Helper()
	seen, err := k.Seen(t.Context(), es.StreamOf(k.category, id))
	must(t, err)
	if seen != version {
		t.Fatalf("version %d of %q was seen, want %d", seen, id, version)
	}
}

// anID returns an id of nobody's yet.
func anID() string { return strings.ToLower(rand.Text()) }
