package sqlstore_test

import (
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

// testDeadLetters holds a store to what it promises about dead letters.
func testDeadLetters(t *testing.T, open func(*testing.T) estest.Store) {
	for name, run := range map[string]func(*testing.T, *sqlstore.Store){
		"keeps every field":                                         keepsLetter,
		"keeps a letter without a payload":                          keepsEmptyLetter,
		"keeps one letter that is buried twice":                     buriesAgain,
		"lists the oldest first, as many as asked for":              listsLetters,
		"tells ids apart that differ by little":                     tellsLettersApart,
		"discards a letter once":                                    discardsLetter,
		"requeues a command that failed":                            requeuesFailed,
		"requeues a command that failed and was not journaled":      requeuesStranger,
		"leaves the outcome alone of a command that did not fail":   requeuesDecided,
		"requeues an event, which has no outcome":                   requeuesEvent,
		"lets one of 16 requeue a letter, which then is sent again": requeuesOnce,
		"forgets a letter, and no other":                            forgetsLetter,
		"does not forget a letter that was buried again":            keepsBuriedAgain,
		"does not forget the letter of a command that failed again": keepsFailedAgain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t).(*sqlstore.Store))
		})
	}
}

var died = time.Date(2031, time.March, 4, 12, 0, 0, 123456000, time.UTC)

// letter returns a dead letter of a message.
func letter(id, message string) sqlstore.DeadLetter {
	return sqlstore.DeadLetter{
		ID: id, Handler: "millrace.commands.order.test", Topic: "millrace.commands.order.test", MessageID: message,
		Payload: []byte(`{"n":1}`), Metadata: map[string]string{"ce_type": "order.test"}, Error: "broken", Attempts: 9, DiedAt: died,
	}
}

func bury(t *testing.T, s *sqlstore.Store, l sqlstore.DeadLetter) sqlstore.DeadLetter {
	t.Helper()
	if err := s.Bury(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

// wantLetters wants these letters to be kept, in this order.
func wantLetters(t *testing.T, s *sqlstore.Store, want ...sqlstore.DeadLetter) {
	t.Helper()
	got, err := s.DeadLetters(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("the letters are\n%+v, want\n%+v", got, want)
	}
}

func keepsLetter(t *testing.T, s *sqlstore.Store) {
	wantLetters(t, s)
	plain := bury(t, s, letter("a", "m-1"))
	odd := letter("b", "m-2")
	odd.Payload, odd.Error = []byte{0, 0xff, '\'', '\\'}, "two\nlines, “quoted”, 🍕"
	odd.Metadata = map[string]string{"ce_type": "", "key 🍕": "value \"\\\x00"}
	bury(t, s, odd)
	wantLetters(t, s, plain, odd)
	for _, want := range []sqlstore.DeadLetter{plain, odd} {
		if got, err := s.DeadLetter(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("the letter is %+v, %v, want %+v", got, err, want)
		}
	}
}

// A message may be empty, and is no less dead for that.
func keepsEmptyLetter(t *testing.T, s *sqlstore.Store) {
	for id, payload := range map[string][]byte{"none": nil, "empty": {}} {
		bury(t, s, sqlstore.DeadLetter{ID: id, Payload: payload, DiedAt: died})
		if got, err := s.DeadLetter(t.Context(), id); err != nil || len(got.Payload) > 0 || len(got.Metadata) > 0 {
			t.Errorf("the letter is %+v, %v, want an empty one", got, err)
		}
	}
}

func buriesAgain(t *testing.T, s *sqlstore.Store) {
	first := bury(t, s, letter("a", "m-1"))
	again := letter("a", "m-2")
	again.Handler, again.Topic, again.Payload, again.Metadata = "other", "other", []byte("other"), map[string]string{"other": "other"}
	again.Error, again.Attempts, again.DiedAt = "broken again", 3, died.Add(time.Hour)
	bury(t, s, again)
	first.Error, first.Attempts, first.DiedAt = again.Error, again.Attempts, again.DiedAt
	wantLetters(t, s, first)
}

func listsLetters(t *testing.T, s *sqlstore.Store) {
	at := func(id string, after time.Duration) sqlstore.DeadLetter {
		l := letter(id, id)
		l.DiedAt = died.Add(after)
		return bury(t, s, l)
	}
	d, b, a, c := at("d", 0), at("b", 2*time.Microsecond), at("a", 2*time.Microsecond), at("c", time.Microsecond)
	wantLetters(t, s, d, c, a, b)
	if got, err := s.DeadLetters(t.Context(), 2); err != nil || !reflect.DeepEqual(got, []sqlstore.DeadLetter{d, c}) {
		t.Errorf("the first two are %+v, %v, want %+v", got, err, []sqlstore.DeadLetter{d, c})
	}
}

func tellsLettersApart(t *testing.T, s *sqlstore.Store) {
	ids := []string{"Abc", "abc", "abc ", "äbc"}
	for _, id := range ids {
		bury(t, s, letter(id, "m of "+id))
	}
	if got, err := s.DeadLetter(t.Context(), "abc "); err != nil || got.MessageID != "m of abc " {
		t.Errorf("the letter is %+v, %v, want that of another message", got, err)
	}
	if err := s.Discard(t.Context(), "abc"); err != nil {
		t.Fatal(err)
	}
	left, err := s.DeadLetters(t.Context(), 10)
	if err != nil || len(left) != len(ids)-1 {
		t.Errorf("%d letters are left, %v, want %d", len(left), err, len(ids)-1)
	}
}

func discardsLetter(t *testing.T, s *sqlstore.Store) {
	bury(t, s, letter("a", acceptedAs(t, s, es.StatusFailed)))
	b := bury(t, s, letter("b", "m-2"))
	for _, want := range []error{nil, sqlstore.ErrNoLetter} {
		if err := s.Discard(t.Context(), "a"); !errors.Is(err, want) {
			t.Errorf("discarding returned %v, want %v", err, want)
		}
	}
	if _, err := s.DeadLetter(t.Context(), "a"); !errors.Is(err, sqlstore.ErrNoLetter) {
		t.Errorf("reading it returned %v, want %v", err, sqlstore.ErrNoLetter)
	}
	wantLetters(t, s, b)
	wantUnfinished(t, s)
}

// acceptedAs journals a command, gives it an outcome unless it is to be pending,
// and returns its id.
func acceptedAs(t *testing.T, s *sqlstore.Store, status es.Status) string {
	t.Helper()
	c := es.Envelope{ID: rand.Text(), Type: "order.test", Target: "o-1", Schema: 1, Payload: []byte(`{}`), AcceptedAt: died}
	if _, _, err := s.Accept(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if status != es.StatusPending {
		finish(t, s, c.ID, status)
	}
	return c.ID
}

func finish(t *testing.T, s *sqlstore.Store, id string, status es.Status) {
	t.Helper()
	if err := s.Finish(t.Context(), es.Outcome{CommandID: id, CommandType: "order.test", Target: "o-1", Status: status}); err != nil {
		t.Fatal(err)
	}
}

func wantStatus(t *testing.T, s *sqlstore.Store, id string, want es.Status) {
	t.Helper()
	if o, err := s.Outcome(t.Context(), id); err != nil || o.Status != want {
		t.Errorf("the outcome is %+v, %v, want %s", o, err, want)
	}
}

// wantUnfinished wants these commands to wait in the journal.
func wantUnfinished(t *testing.T, s *sqlstore.Store, want ...string) {
	t.Helper()
	commands, err := s.Unfinished(t.Context(), died.Add(time.Hour), es.Envelope{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range commands {
		got = append(got, c.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v wait in the journal, want %v", got, want)
	}
}

func requeuesFailed(t *testing.T, s *sqlstore.Store) {
	id, other := acceptedAs(t, s, es.StatusFailed), acceptedAs(t, s, es.StatusFailed)
	l, left := bury(t, s, letter("a", id)), bury(t, s, letter("b", other))
	requeue(t, s, l, true)
	wantLetters(t, s, left)
	wantStatus(t, s, id, es.StatusPending)
	wantStatus(t, s, other, es.StatusFailed)
	wantUnfinished(t, s, id)

	finish(t, s, id, es.StatusFailed) // it fails again, and another letter has not been buried yet
	if _, err := s.Requeue(t.Context(), l); !errors.Is(err, sqlstore.ErrNoLetter) {
		t.Errorf("requeuing what is no letter returned %v, want %v", err, sqlstore.ErrNoLetter)
	}
	wantStatus(t, s, id, es.StatusFailed)
	wantUnfinished(t, s)
	bury(t, s, l)
	requeue(t, s, l, true)
	finish(t, s, id, es.StatusSucceeded)
	wantStatus(t, s, id, es.StatusSucceeded)
	wantUnfinished(t, s)
}

// requeue wants a letter to be requeued, and to be gone if its command is in the journal.
func requeue(t *testing.T, s *sqlstore.Store, l sqlstore.DeadLetter, journaled bool) {
	t.Helper()
	if got, err := s.Requeue(t.Context(), l); err != nil || got != journaled {
		t.Errorf("requeuing returned %v, %v, want %v for whether it was journaled", got, err, journaled)
	}
	want := sqlstore.ErrNoLetter
	if !journaled {
		want = nil
	}
	if _, err := s.DeadLetter(t.Context(), l.ID); !errors.Is(err, want) {
		t.Errorf("reading the letter returned %v, want %v", err, want)
	}
}

// A command may come from another store, or straight from the broker. Whoever requeues
// it publishes it, and nobody else has it until then.
func requeuesStranger(t *testing.T, s *sqlstore.Store) {
	finish(t, s, "stranger", es.StatusFailed)
	l := bury(t, s, letter("a", "stranger"))
	for range 2 { // the second time because the first one ended before the message was published
		requeue(t, s, l, false)
		wantLetters(t, s, l)
		if o, err := s.Outcome(t.Context(), "stranger"); !errors.Is(err, es.ErrUnknownCommand) {
			t.Errorf("the outcome is %+v, %v, want none: it could not be carried out", o, err)
		}
		wantUnfinished(t, s)
	}
	finish(t, s, "stranger", es.StatusSucceeded)
	requeue(t, s, l, false)
	wantStatus(t, s, "stranger", es.StatusSucceeded)
	wantForgotten(t, s, l, true)
	if _, err := s.Requeue(t.Context(), l); !errors.Is(err, sqlstore.ErrNoLetter) {
		t.Errorf("requeuing what is no letter returned %v, want %v", err, sqlstore.ErrNoLetter)
	}
}

// wantForgotten wants a letter to be forgotten, or left alone.
func wantForgotten(t *testing.T, s *sqlstore.Store, l sqlstore.DeadLetter, gone bool) {
	t.Helper()
	if got, err := s.Forget(t.Context(), l); err != nil || got != gone {
		t.Errorf("forgetting returned %v, %v, want %v", got, err, gone)
	}
}

func forgetsLetter(t *testing.T, s *sqlstore.Store) {
	a, b := bury(t, s, letter("a", "m-1")), bury(t, s, letter("b", "m-1"))
	wantForgotten(t, s, a, true)
	wantLetters(t, s, b)
	wantForgotten(t, s, a, true) // as somebody else has by then
	wantLetters(t, s, b)
}

func keepsBuriedAgain(t *testing.T, s *sqlstore.Store) {
	l := bury(t, s, letter("a", "m-1"))
	again := l
	again.DiedAt = died.Add(time.Microsecond)
	bury(t, s, again)
	wantForgotten(t, s, l, false)
	wantLetters(t, s, again)
	wantForgotten(t, s, again, true)
	wantLetters(t, s)
}

// A letter may be requeued just before its command gets the outcome that belongs to it.
func keepsFailedAgain(t *testing.T, s *sqlstore.Store) {
	l := bury(t, s, letter("a", "stranger"))
	requeue(t, s, l, false)
	finish(t, s, "another", es.StatusFailed)
	finish(t, s, "stranger", es.StatusFailed)
	wantForgotten(t, s, l, false)
	wantLetters(t, s, l)
	requeue(t, s, l, false)
	wantForgotten(t, s, l, true)
	wantLetters(t, s)
	wantStatus(t, s, "another", es.StatusFailed)
}

func requeuesDecided(t *testing.T, s *sqlstore.Store) {
	for _, status := range []es.Status{es.StatusSucceeded, es.StatusRejected} {
		id := acceptedAs(t, s, status)
		requeue(t, s, bury(t, s, letter("a", id)), true)
		wantLetters(t, s)
		wantStatus(t, s, id, status)
		wantUnfinished(t, s)
	}
	id := acceptedAs(t, s, es.StatusPending)
	requeue(t, s, bury(t, s, letter("a", id)), true)
	wantStatus(t, s, id, es.StatusPending)
	wantUnfinished(t, s, id)
}

func requeuesEvent(t *testing.T, s *sqlstore.Store) {
	l := bury(t, s, letter("a", "an event"))
	requeue(t, s, l, false)
	wantLetters(t, s, l)
	wantUnfinished(t, s)
	if o, err := s.Outcome(t.Context(), "an event"); !errors.Is(err, es.ErrUnknownCommand) {
		t.Errorf("the outcome is %+v, %v, want none", o, err)
	}
}

func requeuesOnce(t *testing.T, s *sqlstore.Store) {
	id := acceptedAs(t, s, es.StatusFailed)
	l := bury(t, s, letter("a", id))
	errs := atOnce(16, func(int) error {
		_, err := s.Requeue(t.Context(), l)
		return err
	})
	wantOneWinner(t, errs, sqlstore.ErrNoLetter)
	wantStatus(t, s, id, es.StatusPending)
	wantUnfinished(t, s, id)
}
