package estest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// lookalikes are keys that are not the same.
var lookalikes = []string{"Abc-1", "aBC-1", "Abc-1 ", "Abc-1\t", "Ábc-1", "A\u0301bc-1", "Abc-1\x00", "Abc-１", "", "%", "Abc__"}

func processesApart(t *testing.T, s Store, of ProcessesOf) {
	names := []string{"checkout", "Checkout", "checkout ", "payments"}
	var moves []es.Move[State]
	for i, name := range names {
		var own []es.Move[State]
		for _, id := range lookalikes {
			own = append(own, MoveOf(id, 0, es.Version(len(own)+1), State{Steps: []string{name, id}, Count: int64(i)}))
		}
		must(t, errors.Join(of(s, name).Save(t.Context(), own)...))
		moves = append(moves, own...)
	}
	for i, move := range moves {
		wantProcess(t, of(s, names[i/len(lookalikes)]), move)
	}
	wantNoProcess(t, of(s, "kitchen"), lookalikes...)
}

func seenStreams(t *testing.T, s Store, of ProcessesOf) {
	p := of(s, "checkout")
	first := MoveOf("1", 0, 2, State{})
	first.Seen = map[es.Stream]es.Version{"order-1": 1, "payment-a": 3}
	other := MoveOf("2", 0, 1, State{})
	other.Seen = map[es.Stream]es.Version{"order-2": 1}
	must(t, errors.Join(p.Save(t.Context(), []es.Move[State]{first, other})...))
	wantSeen(t, p, map[es.Stream]es.Version{"order-1": 1, "order-2": 1, "payment-a": 3}, "order-3", "payment-1", "order-1")
	second := MoveOf("1", 2, 3, State{}) // a timer, say, moves no stream
	must(t, MoveOne(t.Context(), p, second))
	third := MoveOf("1", 3, 5, State{})
	third.Seen = map[es.Stream]es.Version{"payment-a": 4, "ticket-1": 1 << 40}
	must(t, MoveOne(t.Context(), p, third))
	wantSeen(t, p, map[es.Stream]es.Version{"order-1": 1, "order-2": 1, "payment-a": 4, "ticket-1": 1 << 40})
	many := MoveOf("3", 0, 1, State{})
	many.Seen = map[es.Stream]es.Version{}
	for i := range 600 {
		many.Seen[es.StreamOf("many", fmt.Sprint(i))] = es.Version(i + 1)
	}
	must(t, MoveOne(t.Context(), p, many))
	wantSeen(t, p, many.Seen, "many-600")
}

func streamsApart(t *testing.T, s Store, of ProcessesOf) {
	names := []string{"checkout", "Checkout", "checkout "}
	want := make([]map[es.Stream]es.Version, len(names))
	for i, name := range names {
		var moves []es.Move[State]
		want[i] = map[es.Stream]es.Version{}
		for n, id := range lookalikes {
			stream, v := es.StreamOf("order", id), es.Version(100*i+n+1)
			want[i][stream] = v
			move := MoveOf(id, 0, 1, State{})
			move.Seen = map[es.Stream]es.Version{stream: v}
			moves = append(moves, move)
		}
		must(t, errors.Join(of(s, name).Save(t.Context(), moves)...))
	}
	for i, name := range names {
		wantSeen(t, of(s, name), want[i])
	}
}
