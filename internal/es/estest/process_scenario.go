package estest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// ProcessScenario is a process that something is to happen to.
type ProcessScenario[S es.Folded[S, es.Event]] struct {
	t       testing.TB
	process es.Process[S]
	state   S
	story   []string // what has happened so far
}

// GivenProcess starts a scenario with the process with an id after some events. What
// it sent on the way is not looked at.
func GivenProcess[S es.Folded[S, es.Event]](t testing.TB, p es.Process[S], id string, history ...es.Event) ProcessScenario[S] {
	t.Helper()
	s := ProcessScenario[S]{t: t, process: p}
	if p.New != nil {
		s.state = p.New(id)
	}
	for _, e := range history {
		s, _ = s.see(e)
	}
	return s
}

// When lets one thing happen.
func (s ProcessScenario[S]) When(e es.Event) ProcessOutcome[S] {
	s.t.Helper()
	after, sent := s.see(e)
	return ProcessOutcome[S]{after, sent}
}

// WhenTimeIs lets time pass: the timers that are due by then fire, one after the other.
func (s ProcessScenario[S]) WhenTimeIs(now time.Time) ProcessOutcome[S] {
	s.t.Helper()
	var sent []es.Command
	for range 100 {
		next, ok := s.next()
		if !ok || next.At.After(now) {
			return ProcessOutcome[S]{s, sent}
		}
		var more []es.Command
		s, more = s.see(es.Elapsed{Timer: next.Name, At: next.At})
		sent = append(sent, more...)
		if again, ok := s.next(); ok && again == next {
			s.t.Fatalf("%sthe timer %s has fired and is still waited for", s.given(), next.Name)
		}
	}
	s.t.Fatalf("%stimers fire without end", s.given())
	return ProcessOutcome[S]{}
}

func (s ProcessScenario[S]) next() (first es.Timer, ok bool) {
	if s.process.Timers == nil {
		return first, false
	}
	for _, t := range s.process.Timers(s.state) {
		if !ok || t.At.Before(first.At) {
			first, ok = t, true
		}
	}
	return first, ok
}

func (s ProcessScenario[S]) see(e es.Event) (ProcessScenario[S], []es.Command) {
	s.t.Helper()
	state := s.state.Evolve(e)
	r, err := s.process.React(s.t.Context(), state, e)
	if err != nil {
		s.t.Fatalf("%sthen %T%+v: got the error %v", s.given(), e, e, err)
	}
	s.state = es.Fold(state, r.Learned...)
	s.story = append(s.story[:len(s.story):len(s.story)], fmt.Sprintf("\t%T%+v\n", e, e))
	return s, r.Send
}

func (s ProcessScenario[S]) given() string { return "given\n" + strings.Join(s.story, "") }

// ProcessOutcome is what a process did. It is a scenario too: more may happen.
type ProcessOutcome[S es.Folded[S, es.Event]] struct {
	ProcessScenario[S]
	sent []es.Command
}

// Then wants exactly these commands, in this order.
func (o ProcessOutcome[S]) Then(want ...es.Command) ProcessOutcome[S] {
	o.t.Helper()
	if len(o.sent) != len(want) || len(want) > 0 && !reflect.DeepEqual(o.sent, want) {
		o.t.Errorf("%ssent\n%swant\n%s", o.given(), commandLines(o.sent), commandLines(want))
	}
	return o
}

// ThenWaitsFor wants exactly these timers, in any order.
func (o ProcessOutcome[S]) ThenWaitsFor(want ...es.Timer) ProcessOutcome[S] {
	o.t.Helper()
	var got []es.Timer
	if o.process.Timers != nil {
		got = o.process.Timers(o.state)
	}
	wanted := map[es.Timer]int{}
	for _, t := range want {
		wanted[t]++
	}
	for _, t := range got {
		wanted[t]--
	}
	for _, n := range wanted {
		if n != 0 {
			o.t.Errorf("%swaits for %v, want %v", o.given(), got, want)
			break
		}
	}
	return o
}

// ThenStands wants the process to be doing like this.
func (o ProcessOutcome[S]) ThenStands(want es.Standing) ProcessOutcome[S] {
	o.t.Helper()
	if got := o.process.Standing(o.state); got != want {
		o.t.Errorf("%sstands %+v, want %+v", o.given(), got, want)
	}
	return o
}

// Sent returns what was sent.
func (o ProcessOutcome[S]) Sent() []es.Command { return o.sent }

// State returns the process as it is now.
func (o ProcessOutcome[S]) State() S { return o.state }

func commandLines(commands []es.Command) string {
	if len(commands) == 0 {
		return "\tno commands\n"
	}
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "\t%T%+v\n", c, c)
	}
	return b.String()
}
