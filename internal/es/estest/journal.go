package estest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// TestJournal holds a store to what es.Journal promises.
func TestJournal(t *testing.T, open func(*testing.T) Store) {
	try(t, open, []trial{
		{"knows a command that was accepted before", knowsAccepted},
		{"knows the outcome of a command that is accepted again", knowsOutcome},
		{"refuses an id that stands for another request", refusesReused},
		{"takes one of 64 commands that are accepted under one id at once", acceptsOnce},
		{"keeps every field of a command", keepsCommand},
		{"knows nothing of a command that was not accepted", unknownCommand},
		{"finishes a command once", finishesOnce},
		{"lets one of 16 outcomes win", oneOutcome},
		{"writes nothing when the context is done", cancelledJournal},
		{"pages through what is unfinished, though all were accepted at once", unfinishedPages},
		{"goes on paging while commands are finished and accepted", unfinishedMoves},
		{"leaves out what was accepted later", unfinishedBefore},
	})
}

func knowsAccepted(t *testing.T, s Store) {
	c := envelope(rand.Text())
	pending := es.Outcome{CommandID: c.ID, CommandType: c.Type, Target: c.Target, Status: es.StatusPending}
	for attempt := range 3 {
		o, known, err := s.Accept(t.Context(), c)
		must(t, err)
		if known != (attempt > 0) || !reflect.DeepEqual(o, pending) {
			t.Fatalf("attempt %d: known %v, outcome %+v", attempt, known, o)
		}
	}
	wantPending(t, s, c.ID)
}

func knowsOutcome(t *testing.T, s Store) {
	done := appended(t, s, newStream(), 0, 2).Outcome
	rejected := succeeded(accepted(t, s), 3)
	rejected.Status = es.StatusRejected
	rejected.Problem = &es.Problem{Code: "not_paid", Detail: "the order “1” isn't paid"}
	must(t, s.Finish(t.Context(), rejected))
	for _, want := range []es.Outcome{done, rejected} {
		got, known, err := s.Accept(t.Context(), envelope(want.CommandID))
		must(t, err)
		if !known || !reflect.DeepEqual(got, want) {
			t.Fatalf("known %v, outcome %+v, want %+v", known, got, want)
		}
	}
	if left := unfinished(t, s, 10); len(left) > 0 {
		t.Fatalf("%v are unfinished, want none", left)
	}
}

func refusesReused(t *testing.T, s Store) {
	c := envelope(rand.Text())
	_, _, err := s.Accept(t.Context(), c)
	must(t, err)
	other := c
	other.Fingerprint, other.Payload = c.Fingerprint+" ", []byte(`{"other":true}`)
	for range 2 {
		_, _, err = s.Accept(t.Context(), other)
		wantError(t, err, es.ErrIDReused)
		must(t, s.Finish(t.Context(), succeeded(accepted(t, s), 0)))
	}
	wantCommands(t, s, c)
	must(t, s.Finish(t.Context(), succeeded(c.ID, 1)))
	_, _, err = s.Accept(t.Context(), other)
	wantError(t, err, es.ErrIDReused)
}

func acceptsOnce(t *testing.T, s Store) {
	const callers, rounds = 64, 20
	for range rounds {
		id := rand.Text()
		isNew := make([]bool, callers)
		errs := together(callers, func(i int) error {
			c := envelope(id)
			c.Fingerprint = fmt.Sprint("request ", i%2)
			_, known, err := s.Accept(t.Context(), c)
			isNew[i] = err == nil && !known
			return err
		})
		first := slices.Index(isNew, true)
		if first < 0 || slices.Contains(isNew[first+1:], true) {
			t.Fatalf("new to the callers %v, want it new to one", isNew)
		}
		for i, err := range errs {
			if i%2 == first%2 {
				must(t, err)
			} else {
				wantError(t, err, es.ErrIDReused)
			}
		}
	}
	if got := unfinished(t, s, 1000); len(got) != rounds {
		t.Fatalf("%d commands are unfinished, want %d", len(got), rounds)
	}
}

// wantCommands asks for exactly these unfinished commands, in this order.
func wantCommands(t *testing.T, j es.Journal, want ...es.Envelope) {
	t.Helper()
	got, err := j.Unfinished(t.Context(), noon.Add(time.Hour), es.Envelope{}, 1000)
	must(t, err)
	if len(got) != len(want) {
		t.Fatalf("%d commands are unfinished, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("command %d is\n%+v, want\n%+v", i, got[i], want[i])
		}
	}
}

func keepsCommand(t *testing.T, s Store) {
	full := es.Envelope{
		ID: "a'b\"c\\d é", Type: "order.tést", Target: "O'Brien ", Payload: []byte("{\"n\":\"\\u0000🍮\"}\n\xff\x00"),
		Expected: []es.Version{3, 1, 1 << 40}, Fingerprint: "f\x00\xff",
		Metadata:   es.Metadata{CommandID: "1", CorrelationID: "2", CausationID: "3", Traceparent: "4", Actor: "ø"},
		AcceptedAt: noon.Add(time.Microsecond),
	}
	bare := envelope("bare")
	bare.AcceptedAt = noon.Add(2 * time.Microsecond)
	for _, c := range []es.Envelope{bare, full} {
		_, _, err := s.Accept(t.Context(), c)
		must(t, err)
	}
	wantCommands(t, s, full, bare)
}

func unknownCommand(t *testing.T, s Store) {
	accepted(t, s)
	for _, id := range []string{"", "nobody", "%"} {
		_, err := s.Outcome(t.Context(), id)
		wantError(t, err, es.ErrUnknownCommand)
	}
}

func finishesOnce(t *testing.T, s Store) {
	o := succeeded(accepted(t, s), 4)
	wantPending(t, s, o.CommandID)
	must(t, s.Finish(t.Context(), o))
	wantOutcome(t, s, o)
	again := o
	again.Status, again.Problem = es.StatusFailed, &es.Problem{Code: "late"}
	wantError(t, s.Finish(t.Context(), again), es.ErrDecided)
	wantOutcome(t, s, o)
	if left := unfinished(t, s, 10); len(left) > 0 {
		t.Fatalf("%v are unfinished, want none", left)
	}
}

func oneOutcome(t *testing.T, s Store) {
	const callers = 16
	for range 20 {
		id, stream := accepted(t, s), newStream()
		errs := together(callers, func(i int) error {
			o := succeeded(id, es.Version(i+1))
			if i%2 == 0 {
				return s.Finish(t.Context(), o)
			}
			return s.Append(t.Context(), es.Append{Stream: stream, Records: records(stream, 0, i+1, id), Outcome: o})
		})
		won := winner(t, errs, es.ErrDecided)
		wantOutcome(t, s, succeeded(id, es.Version(won+1)))
		want := 0
		if won%2 == 1 {
			want = won + 1
		}
		if got := read(t, s, stream, 0); len(got) != want {
			t.Fatalf("%d records were kept, want the %d of the winner", len(got), want)
		}
	}
}

func cancelledJournal(t *testing.T, s Store) {
	id := accepted(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // often, since a select takes its pick
		_, _, err := s.Accept(ctx, envelope("late"))
		wantError(t, err, context.Canceled)
		wantError(t, s.Finish(ctx, succeeded(id, 1)), context.Canceled)
	}
	wantPending(t, s, id)
	_, err := s.Outcome(t.Context(), "late")
	wantError(t, err, es.ErrUnknownCommand)
}

func unfinishedPages(t *testing.T, s Store) {
	const total = 240
	commands := make([]es.Envelope, total)
	for i := range commands {
		commands[i] = envelope(rand.Text())
		commands[i].AcceptedAt = noon.Add(time.Duration(i%3) * time.Microsecond)
	}
	must(t, errors.Join(together(total, func(i int) error {
		_, _, err := s.Accept(t.Context(), commands[i])
		return err
	})...))
	at := map[string]time.Time{}
	for i, c := range commands {
		if i%8 == 0 {
			must(t, s.Finish(t.Context(), succeeded(c.ID, 0)))
			continue
		}
		at[c.ID] = c.AcceptedAt
	}
	for _, limit := range []int{1, 7, 70, 1000} {
		got := unfinished(t, s, limit)
		if len(got) != len(at) {
			t.Fatalf("pages of %d hold %d commands, want %d", limit, len(got), len(at))
		}
		seen := map[string]bool{}
		for i, id := range got {
			if at[id].IsZero() || seen[id] {
				t.Fatalf("pages of %d hold %s, which is finished or was there before", limit, id)
			}
			if seen[id] = true; i > 0 && at[id].Before(at[got[i-1]]) {
				t.Fatalf("pages of %d: command %d was accepted before the one in front of it", limit, i)
			}
		}
	}
}

func unfinishedMoves(t *testing.T, s Store) {
	const total, limit = 60, 7
	want := make(map[string]bool, total)
	for range total {
		want[accepted(t, s)] = true
	}
	for last := (es.Envelope{}); ; {
		page, err := s.Unfinished(t.Context(), noon.Add(time.Minute), last, limit)
		must(t, err)
		for _, c := range page {
			if !want[c.ID] {
				t.Fatalf("%s comes twice, or was accepted too late", c.ID)
			}
			delete(want, c.ID)
			must(t, s.Finish(t.Context(), succeeded(c.ID, 0)))
			late := envelope(rand.Text())
			late.AcceptedAt = noon.Add(time.Minute)
			_, _, err := s.Accept(t.Context(), late)
			must(t, err)
		}
		if len(page) < limit {
			break
		}
		last = page[limit-1]
	}
	if len(want) > 0 {
		t.Fatalf("%d commands were passed over", len(want))
	}
}

func unfinishedBefore(t *testing.T, s Store) {
	id := accepted(t, s)
	for before, want := range map[time.Time]int{noon.Add(-time.Microsecond): 0, noon: 0, noon.Add(time.Microsecond): 1} {
		got, err := s.Unfinished(t.Context(), before, es.Envelope{}, 10)
		must(t, err)
		if len(got) != want || want == 1 && got[0].ID != id {
			t.Fatalf("before %v there are %+v, want %d", before, got, want)
		}
	}
}
