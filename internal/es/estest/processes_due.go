package estest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// wantDue asks for all processes that are due before a time, some at a time.
func wantDue(t *testing.T, p Processes, before time.Time, limit int, want ...es.DueProcess) {
	t.Helper()
	var got []es.DueProcess
	for last := (es.DueProcess{}); ; {
		page, err := p.Due(t.Context(), before, last, limit)
		must(t, err)
		if len(page) > limit {
			t.Fatalf("a page holds %d processes, want at most %d", len(page), limit)
		}
		got = append(got, page...)
		if len(page) < limit {
			break
		}
		last = page[len(page)-1]
	}
	if !slices.Equal(got, want) {
		t.Fatalf("due before %v are\n%v, want\n%v", before, got, want)
	}
}

func after(d time.Duration) es.Timer { return es.Timer{Name: d.String(), At: noon.Add(d)} }

func dueProcesses(t *testing.T, s Store, of ProcessesOf) {
	p, end := of(s, "checkout"), noon.Add(time.Hour)
	move := func(id string, from es.Version, timers ...es.Timer) {
		t.Helper()
		m := MoveOf(id, from, from+1, State{})
		m.Timers = timers
		must(t, MoveOne(t.Context(), p, m))
	}
	due := func(id string, d time.Duration) es.DueProcess { return es.DueProcess{ID: id, At: noon.Add(d)} }
	wantDue(t, p, end, 10)
	move("waits for nothing", 0)
	move("b", 0, after(3*time.Second), after(time.Second), after(2*time.Second))
	move("a", 0, after(2*time.Second))
	move("early", 0, es.Timer{Name: "long ago", At: time.Date(1969, 1, 2, 3, 4, 5, 6000, time.UTC)})
	move("late", 0, es.Timer{Name: "in the end", At: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)})
	early := es.DueProcess{ID: "early", At: time.Date(1969, 1, 2, 3, 4, 5, 6000, time.UTC)}
	wantDue(t, p, end, 10, early, due("b", time.Second), due("a", 2*time.Second))
	wantDue(t, p, noon.Add(2*time.Second), 10, early, due("b", time.Second))
	wantDue(t, p, noon.Add(time.Second), 10, early)
	wantDue(t, p, noon.Add(time.Second+time.Nanosecond), 10, early, due("b", time.Second))

	move("b", 1, after(4*time.Second)) // another timer, another time
	move("a", 1)                       // none any more
	move("waits for nothing", 1, after(0))
	wantDue(t, p, end, 10, early, due("waits for nothing", 0), due("b", 4*time.Second))
	wantDue(t, of(s, "Checkout"), end, 10)
}

func duePages(t *testing.T, s Store, of ProcessesOf) {
	const total = 100
	p := of(s, "checkout")
	var want []es.DueProcess
	var moves, others []es.Move[State]
	for i := range total {
		id, at := fmt.Sprintf("%03d", total-i), after(time.Duration(i%3)*time.Microsecond)
		want = append(want, es.DueProcess{ID: id, At: at.At})
		move := MoveOf(id, 0, 1, State{})
		move.Timers = []es.Timer{at}
		moves, others = append(moves, move), append(others, MoveOf("x"+id, 0, 1, State{}))
	}
	must(t, errors.Join(of(s, "payments").Save(t.Context(), moves)...))
	must(t, errors.Join(p.Save(t.Context(), slices.Concat(moves, others))...))
	slices.SortFunc(want, func(a, b es.DueProcess) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	for _, limit := range []int{1, 7, 50, 1000} {
		wantDue(t, p, noon.Add(time.Minute), limit, want...)
	}
	page, err := p.Due(t.Context(), noon.Add(time.Minute), want[total-1], 10)
	if must(t, err); len(page) > 0 {
		t.Fatalf("after the last one come %v", page)
	}
}
