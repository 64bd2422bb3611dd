package es_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// booth is an informant on a depot, and what it has said to the store that asks.
type booth struct {
	*testing.T
	store     *depot
	informant *es.Informant
	said      []es.Answer
	refuse    error
}

func openBooth(t *testing.T) *booth {
	b := &booth{T: t, store: newDepot("here")}
	b.informant = &es.Informant{
		ID: "here", Store: b.store, Feed: b.store, Calm: time.Second,
		Reply: func(_ context.Context, to string, a es.Answer) error {
			if to != "there" || a.From != "here" {
				t.Errorf("an answer of %q went to %q", a.From, to)
			}
			b.said = append(b.said, a)
			return b.refuse
		},
	}
	return b
}

// ask asks and returns what was said.
func (b *booth) ask(q es.Question) []es.Answer {
	b.Helper()
	b.said = nil
	if err := b.informant.Answer(b.Context(), q); err != nil {
		b.Fatal(err)
	}
	return b.said
}

func look(after es.Position, types ...string) es.Look {
	return es.Look{Handler: "views", Types: types, After: map[string]es.Position{"here": after, "a third": 99}}
}

func TestInformantTellsWhatThereIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := openBooth(t)
		q := func(l es.Look) es.Question { return es.Question{From: "there", To: "here", Looks: []es.Look{l}} }
		if said := b.ask(q(look(0))); len(said) > 0 {
			t.Errorf("an empty store says %+v", said)
		}
		b.store.add("tally-1", "added", 2)
		b.store.add("tally-2", "taken", 1)
		said := b.ask(q(look(1, "taken")))
		want := []es.Answer{{
			From: "here", Look: &es.Look{Handler: "views", Types: []string{"taken"}, After: map[string]es.Position{"here": 1}},
			Stretch: es.Stretch{UpTo: 3, Head: 3, Streams: map[es.Stream]es.Version{"tally-2": 1}},
		}}
		if !reflect.DeepEqual(said, want) {
			t.Errorf("said %+v, want %+v", said, want)
		}
		if said := b.ask(q(look(3))); len(said) > 0 {
			t.Errorf("to somebody who has everything it says %+v", said)
		}
		if said := b.ask(q(look(7))); len(said) != 1 || said[0].Stretch.Head != 3 {
			t.Errorf("to somebody who has more than there is it says %+v, want where the feed ends", said)
		}
		b.refuse = errBroken
		if err := b.informant.Answer(t.Context(), q(look(0))); !errors.Is(err, errBroken) {
			t.Errorf("an answer that nobody takes is %v, want %v", err, errBroken)
		}
	})
}

func TestInformantAnswersItsOwnQuestionsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := openBooth(t)
		b.store.add("tally-1", "added", 1)
		for _, q := range []es.Question{
			{From: "here", Looks: []es.Look{look(0)}},
			{From: "here", To: "here", Tails: []es.Tail{{Stream: "tally-1"}}},
			{From: "there", To: "a third", Looks: []es.Look{look(0)}, Tails: []es.Tail{{Stream: "tally-1"}}},
		} {
			if said := b.ask(q); len(said) > 0 {
				t.Errorf("to %+v it says %+v", q, said)
			}
		}
	})
}

// Questions to everybody gather in the queue of a store that is down.
func TestInformantAnswersAQuestionToEverybodyOnceInAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := openBooth(t)
		b.store.add("tally-1", "added", 5)
		everybody := func(after es.Position, want int) {
			t.Helper()
			if said := b.ask(es.Question{From: "there", Looks: []es.Look{look(after)}}); len(said) != want {
				t.Errorf("after %d it gave %d answers, want %d", after, len(said), want)
			}
		}
		everybody(0, 1)
		for range 10 {
			everybody(0, 0)
		}
		everybody(2, 1)
		time.Sleep(time.Second)
		everybody(2, 1)
		for range 2 { // who asks this store has a reason
			if said := b.ask(es.Question{From: "there", To: "here", Looks: []es.Look{look(2)}}); len(said) != 1 {
				t.Errorf("a question to this store had %d answers, want one", len(said))
			}
		}
	})
}

func TestInformantHandsOutTailsInParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := openBooth(t)
		b.store.add("tally-1", "added", 1203)
		b.store.add("tally-2", "added", 2)
		b.store.add("tally-3", "added", 4)
		for i := range b.store.streams["tally-3"] {
			b.store.streams["tally-3"][i].Data = make([]byte, 100<<10)
		}
		b.store.put(es.Record{Stream: "tally-4", Version: 1, Metadata: es.Metadata{Origin: "a third"}})
		then := look(0)
		said := b.ask(es.Question{
			From: "there", To: "here", Then: &then,
			Tails: []es.Tail{{Stream: "tally-1", After: 1}, {Stream: "tally-4"}, {Stream: "tally-2", After: 1}, {Stream: "tally-3"}, {Stream: "tally-5"}},
		})
		var sizes []int
		next := map[es.Stream]es.Version{"tally-1": 2, "tally-2": 2, "tally-3": 1}
		for i, a := range said {
			sizes = append(sizes, len(a.Records))
			if (a.Then != nil) != (i == len(said)-1) {
				t.Errorf("part %d of %d says to ask next: %t, want it of the last", i, len(said), a.Then != nil)
			}
			for _, r := range a.Records {
				if r.Version != next[r.Stream] {
					t.Fatalf("%s version %d comes where %d is due", r.Stream, r.Version, next[r.Stream])
				}
				next[r.Stream]++
			}
		}
		if want := []int{500, 500, 205, 2}; !reflect.DeepEqual(sizes, want) {
			t.Errorf("the parts have %d records, want %d", sizes, want)
		}
		if said := b.ask(es.Question{From: "there", To: "here", Then: &then, Tails: []es.Tail{{Stream: "tally-4"}, {Stream: "tally-2", After: 2}}}); len(said) > 0 {
			t.Errorf("it says %+v, though it has nothing of its own", said)
		}
	})
}
