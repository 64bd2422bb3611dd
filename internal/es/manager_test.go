package es_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

func TestManagerLetsAProcessSeeSeveralStreamsInTheOrderOfTheirTimes(t *testing.T) {
	t.Parallel()
	s := newStage(t, at(0, "order-7", 1, 1), at(2, "order-7", 2, 3), at(1, "payment-7", 1, 2), at(9, "order-8", 1, 9))
	if err := s.CatchUp(t.Context(), "payment-7", "order-7"); err != nil {
		t.Fatal(err)
	}
	s.wantSaw(t, "7", "+1", "+2", "+3")
	s.wantSaw(t, "8")
	s.wantTold(t, "+1", "+2", "+3")
	if want := map[es.Stream]es.Version{"order-7": 2, "payment-7": 1}; !reflect.DeepEqual(s.kept.seen, want) || s.kept.saves != 1 {
		t.Errorf("seen are %v after %d saves, want %v after one", s.kept.seen, s.kept.saves, want)
	}
	if got, want := s.kept.instance("7").Standing, (es.Standing{Waits: "3"}); got != want {
		t.Errorf("the standing is %+v, want %+v", got, want)
	}
	i := s.kept.instance("7")
	if i.Version != 3 || i.CorrelationID != "r-1" || !i.StartedAt.Equal(s.now) {
		t.Errorf("the process is at version %d, of %s, since %v; want 3, r-1 and %v", i.Version, i.CorrelationID, i.StartedAt, s.now)
	}
}

func TestManagerLetsAProcessSeeEveryEventOnceHoweverOftenItIsCalled(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	all := []es.Record{at(0, "order-7", 1, 1), at(1, "order-7", 2, 2), at(2, "order-7", 3, 3)}
	for _, call := range []struct {
		when    string
		history []es.Record
		want    []string
	}{
		{"before anything happened", nil, nil},
		{"the first message", all[:1], []string{"+1"}},
		{"the same message again", all[:1], []string{"+1"}},
		{"a message that overtook another", all, []string{"+1", "+2", "+3"}},
		{"the message it overtook", all, []string{"+1", "+2", "+3"}},
	} {
		s.store.records = call.history
		if err := s.CatchUp(t.Context(), "order-7"); err != nil {
			t.Errorf("%s: %v", call.when, err)
		}
		s.wantSaw(t, "7", call.want...)
		s.wantTold(t, call.want...)
	}
	if s.kept.saves != 2 {
		t.Errorf("saved %d times, want twice", s.kept.saves)
	}
}

func TestManagerStartsAgainWhereSomebodyElseWasFaster(t *testing.T) {
	t.Parallel()
	s := newStage(t, at(0, "order-7", 1, 1), at(1, "order-7", 2, 2), at(0, "order-8", 1, 8))
	s.kept.interrupt = func() {
		s.kept.put(es.Move[saga]{
			ID: "7", Instance: es.Instance[saga]{State: saga{Saw: []string{"other"}}, Version: 1},
			Seen: map[es.Stream]es.Version{"order-7": 1},
		})
	}
	if err := s.CatchUp(t.Context(), "order-7", "order-8"); err != nil {
		t.Fatal(err)
	}
	s.wantSaw(t, "7", "other", "+2")
	s.wantSaw(t, "8", "+8")
	s.wantTold(t, "+8", "+2")
}

func TestManagerHandsOnWhatIsAccepted(t *testing.T) {
	t.Parallel()
	s := newStage(t, at(0, "order-7", 1, 1), at(1, "order-8", 1, 2))
	times := 0
	s.Sent = func(_ context.Context, commands []es.Envelope) {
		if times++; len(commands) != 2 || !reflect.DeepEqual(commands, s.kept.sent) {
			t.Errorf("handed on %v, want what was accepted: %v", commands, s.kept.sent)
		}
	}
	if err := s.CatchUp(t.Context(), "order-7", "order-8"); err != nil {
		t.Fatal(err)
	}
	if times != 1 {
		t.Errorf("handed on %d times, want once what several processes have sent", times)
	}
}

func TestManagerKeepsWhatWasDoneBeforeSomethingFails(t *testing.T) {
	t.Parallel()
	unknown := at(1, "order-7", 2, 2)
	unknown.Type = "unknown"
	refuse := func(fail func() error) func(saga, es.Event) (es.Reaction, error) {
		return func(s saga, e es.Event) (es.Reaction, error) {
			if e == (added{2}) {
				return es.Reaction{}, fail()
			}
			return es.Reaction{Send: []es.Command{tell{s.Saw[len(s.Saw)-1]}}}, nil
		}
	}
	for name, test := range map[string]struct {
		second es.Record // of order-7
		react  func(saga, es.Event) (es.Reaction, error)
	}{
		"a reaction fails":           {at(1, "order-7", 2, 2), refuse(func() error { return errBroken })},
		"a reaction panics":          {at(1, "order-7", 2, 2), refuse(func() error { panic("broken") })},
		"an event cannot be decoded": {unknown, refuse(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, at(0, "order-7", 1, 1), test.second, at(2, "order-7", 3, 3),
				at(3, "payment-7", 1, 4), at(0, "order-8", 1, 8))
			s.answer(test.react)
			for range 2 { // there is nothing more to be done the second time
				if err := s.CatchUp(t.Context(), "order-7", "payment-7", "order-8"); err == nil {
					t.Error("caught up, want an error")
				}
				s.wantSaw(t, "7", "+1", "+4") // what comes after it on its stream waits, the rest does not
				s.wantSaw(t, "8", "+8")
				s.wantTold(t, "+1", "+4", "+8")
			}
			s.store.records[1] = at(1, "order-7", 2, 5) // say that it is mended
			if err := s.CatchUp(t.Context(), "order-7"); err != nil {
				t.Error(err)
			}
			s.wantSaw(t, "7", "+1", "+4", "+5", "+3")
		})
	}
}

func TestManagerSaysWhatTheStoreCannotDo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		broken func(*stage)
		saw    []string
	}{
		"tell what was seen": {func(s *stage) { s.kept.unseen = errBroken }, nil},
		"load":               {func(s *stage) { s.kept.unloaded = errBroken }, nil},
		"save":               {func(s *stage) { s.kept.broken = errBroken }, nil},
		"read to the end":    {func(s *stage) { s.Store = &brokenOff{*s.store} }, []string{"+1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, at(0, "order-7", 1, 1))
			test.broken(s)
			if err := s.CatchUp(t.Context(), "order-7"); !errors.Is(err, errBroken) {
				t.Errorf("the error is %v, want %v", err, errBroken)
			}
			s.kept.unloaded = nil
			s.wantSaw(t, "7", test.saw...)
			s.wantTold(t, test.saw...)
		})
	}
}

func TestManagerSendsTheSameCommandsWhenItSeesAnEventAgain(t *testing.T) {
	t.Parallel()
	run := func() []es.Envelope {
		s := newStage(t, at(0, "order-7", 1, 1), at(1, "payment-7", 1, 2), at(0, "order-8", 1, 1))
		s.answer(func(saga, es.Event) (es.Reaction, error) {
			return es.Reaction{Send: []es.Command{tell{"a"}, tell{"a"}}}, nil
		})
		if err := s.CatchUp(t.Context(), "order-7", "payment-7", "order-8"); err != nil {
			t.Fatal(err)
		}
		return s.kept.sent
	}
	first, again := run(), run()
	if !reflect.DeepEqual(first, again) {
		t.Errorf("sent\n%v, and again\n%v", first, again)
	}
	ids := map[string]bool{}
	for _, c := range first {
		ids[c.ID] = true
	}
	if len(first) != 6 || len(ids) != 6 {
		t.Errorf("sent %d commands under %d ids, want 6 under 6", len(first), len(ids))
	}
	want := es.Metadata{CorrelationID: "r-2", CausationID: "payment-7/1", Traceparent: "trace", Actor: "process:saga"}
	if c := first[2]; c.Metadata != want || !c.AcceptedAt.Equal(noon.Add(time.Second)) || c.Type != "tell" || c.Schema != 1 || string(c.Payload) != `{"Text":"a"}` {
		t.Errorf("the answer to payment-7 is %+v, want it from %+v", c, want)
	}
}

// Otherwise a command that gets lost is sent again only when the slowest clock has come
// to where the fastest was.
func TestManagerAcceptsNoCommandLaterThanNow(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[int]time.Time{3599: noon.Add(3599 * time.Second), 3600: noon.Add(time.Hour), 7200: noon.Add(time.Hour)} {
		s := newStage(t, at(ahead, "order-7", 1, 1))
		if err := s.CatchUp(t.Context(), "order-7"); err != nil {
			t.Fatal(err)
		}
		if got := s.kept.sent[0].AcceptedAt; !got.Equal(want) {
			t.Errorf("the answer to an event of %ds was accepted at %v, want %v", ahead, got, want)
		}
	}
}

func TestManagerWritesDownWhatAProcessSawAndSent(t *testing.T) {
	t.Parallel()
	s := newStage(t, at(0, "order-7", 1, 1))
	if err := s.CatchUp(t.Context(), "order-7"); err != nil {
		t.Fatal(err)
	}
	c := s.kept.sent[0]
	want := []es.ProcessStep{{
		At: s.now, Event: "added", EventID: "order-7/1", Stream: "order-7", Version: 1,
		Sent: []es.SentCommand{{ID: c.ID, Type: "tell", Target: "+1"}},
	}}
	if got := s.kept.instance("7").Steps; !reflect.DeepEqual(got, want) {
		t.Errorf("the steps are\n%+v, want\n%+v", got, want)
	}
}

func TestManagerKeepsTheFirstAndTheLastOfManySteps(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for n := range 250 {
		s.store.records = append(s.store.records, at(n, "order-7", es.Version(n+1), n))
		if n%7 == 0 || n == 249 {
			if err := s.CatchUp(t.Context(), "order-7"); err != nil {
				t.Fatal(err)
			}
		}
	}
	steps := s.kept.instance("7").Steps
	var versions, want []es.Version
	for i := range es.Version(250) {
		if i < 100 || i >= 150 {
			want = append(want, i+1)
		}
	}
	for _, step := range steps {
		versions = append(versions, step.Version)
	}
	if !slices.Equal(versions, want) {
		t.Errorf("the steps are of versions %v, want %v", versions, want)
	}
}

func TestManagerFoldsWhatAProcessHasLearned(t *testing.T) {
	t.Parallel()
	s := newStage(t, at(0, "order-7", 1, 1))
	var reactedTo []string
	s.answer(func(s saga, e es.Event) (es.Reaction, error) {
		reactedTo = append(reactedTo, fmt.Sprint(e.EventType(), " ", strings.Join(s.Saw, " ")))
		return es.Reaction{Learned: []es.Event{found{"a"}, found{"b"}}}, nil
	})
	if err := s.CatchUp(t.Context(), "order-7"); err != nil {
		t.Fatal(err)
	}
	s.wantSaw(t, "7", "+1", "found a", "found b")
	if want := []string{"added +1"}; !slices.Equal(reactedTo, want) {
		t.Errorf("reacted to %q, want %q", reactedTo, want)
	}
	if i := s.kept.instance("7"); len(i.Steps) != 1 || i.Version != 1 {
		t.Errorf("%d steps at version %d, want one at 1", len(i.Steps), i.Version)
	}
}
