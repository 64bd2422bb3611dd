package es_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

func TestMirrorBringsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStreet(t, nil, "a", "b", "c")
		s.fill("a", 400)
		s.fill("b", 30)
		s.run(time.Second) // the first question is enough
		for _, id := range []string{"b", "c"} {
			for i := range 400 {
				s.wantHas(id, es.StreamOf("tally", fmt.Sprint("a", i)), 3)
			}
			if at := s.position(id, "a"); at < 1200 {
				t.Errorf("%s has %d positions of a, want 1200", id, at)
			}
		}
		for i := range 30 {
			s.wantHas("a", es.StreamOf("tally", fmt.Sprint("b", i)), 3)
		}
		if at := s.position("c", "b"); at < 90 {
			t.Errorf("c has %d positions of b, want 90", at)
		}
	})
}

func TestMirrorBringsEverythingThoughMostIsLost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dice := rand.New(rand.NewPCG(seed, 7))
				s := openStreet(t, nil, "a", "b")
				s.loses = func() bool { return dice.IntN(3) > 0 }
				s.fill("a", 100)
				s.run(3 * time.Hour) // a question, its answer and the next of each have to come through in a row
				for i := range 100 {
					s.wantHas("b", es.StreamOf("tally", fmt.Sprint("a", i)), 3)
				}
				if at := s.position("b", "a"); at != 300 {
					t.Errorf("b has %d positions of a, want 300", at)
				}
			})
		})
	}
}

func TestMirrorMovesNoFurtherThanWhatItHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStreet(t, nil, "a", "b")
		s.fill("a", 50)
		s.informant["a"].Reply = func(ctx context.Context, to string, a es.Answer) error {
			if len(a.Records) > 0 {
				return nil // is lost
			}
			return s.reply(ctx, to, a)
		}
		s.run(time.Minute)
		if at := s.position("b", "a"); at != 0 {
			t.Errorf("b has %d positions of a, and nothing of what is in them", at)
		}
		s.informant["a"].Reply = s.reply
		s.run(6 * time.Second)
		if at := s.position("b", "a"); at != 150 {
			t.Errorf("b has %d positions of a, want 150", at)
		}
	})
}

func TestMirrorBringsWhatIsWanted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStreet(t, []string{"taken"}, "a", "b")
		s.depots["a"].add("tally-1", "added", 7)
		s.depots["a"].add("tally-2", "added", 1)
		s.depots["a"].add("tally-2", "taken", 1)
		s.run(time.Second)
		s.wantHas("b", "tally-1", 0)
		s.wantHas("b", "tally-2", 2) // with what came before it
		if at := s.position("b", "a"); at != 9 {
			t.Errorf("b has %d positions of a, want 9", at)
		}
		// Whoever wants more begins again.
		s.mirrors["b"].Wishes[0].Types = []string{"added", "taken"}
		s.run(time.Second)
		s.wantHas("b", "tally-1", 7)
		if n := len(s.depots["b"].at); n != 2 {
			t.Errorf("b keeps positions for %d wishes, want 2", n)
		}
	})
}

func TestMirrorBeginsAgainWhenAStoreWasSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStreet(t, nil, "a", "b")
		s.depots["a"].add("tally-1", "added", 9)
		s.run(time.Second)
		backup := newDepot("a")
		backup.add("tally-1", "added", 2)
		backup.add("tally-2", "added", 3)
		*s.depots["a"] = depot{id: "a", streams: backup.streams, feed: backup.feed, at: backup.at}
		s.run(6 * time.Second)
		s.wantHas("b", "tally-2", 3)
		if at := s.position("b", "a"); at != 5 {
			t.Errorf("b has %d positions of a, want 5", at)
		}
	})
}

// At rest a question is all there is.
func TestMirrorIsQuietWhenThereIsNothingNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStreet(t, nil, "a", "b")
		s.fill("a", 3)
		s.run(time.Minute)
		s.asked, s.told = 0, 0
		s.run(time.Minute - time.Second)
		if s.asked != 2*12 || s.told > 12 { // the answers are b's, whose feed has nothing of its own
			t.Errorf("in a minute %d questions had %d answers, want 24 and at most 12", s.asked, s.told)
		}
	})
}

func TestMirrorAsksOnlyWhileItLeads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStreet(t, nil, "a")
		y := &yard{opened: time.Now(), leases: []error{es.ErrFenced, nil, errBroken}}
		s.mirrors["a"].Wishes[0].Leader = &es.Leader{Leases: y, Name: "mirror views", Holder: "me", TTL: time.Second}
		s.run(12 * time.Second)
		if s.asked != 1 {
			t.Errorf("it has asked %d times, want once", s.asked)
		}
		if y.left != 0 { // it had lost it by then
			t.Errorf("it has given the lease up %d times", y.left)
		}
		if strings.Contains(s.log.String(), "held by somebody else") || !strings.Contains(s.log.String(), "broken") {
			t.Errorf("the log says %q, want what was broken and nothing else", s.log)
		}
	})
}

func TestMirrorSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStreet(t, nil, "a", "b")
		m := s.mirrors["b"]
		m.Ask = func(context.Context, es.Question) error { return errBroken }
		l := es.Look{Handler: "views", After: map[string]es.Position{"a": 0}}
		for name, a := range map[string]es.Answer{
			"when it has to ask for what is missing": {From: "a", Look: &l, Stretch: es.Stretch{UpTo: 1, Head: 1, Streams: map[es.Stream]es.Version{"tally-1": 1}}},
			"when it has to ask on":                  {From: "a", Look: &l, Stretch: es.Stretch{UpTo: 1, Head: 2}},
			"when it has to ask again":               {From: "a", Then: &l},
		} {
			if err := m.Hear(t.Context(), a); !errors.Is(err, errBroken) {
				t.Errorf("%s it says %v, want %v", name, err, errBroken)
			}
		}
		if err := m.Hear(t.Context(), es.Answer{From: "b", Look: &l, Stretch: es.Stretch{UpTo: 1, Head: 1}}); err != nil {
			t.Errorf("what it says itself is %v", err)
		}
		if _, heard := s.depots["b"].at["views"]["b"]; heard {
			t.Error("it mirrors itself")
		}
	})
}

// What somebody else has done already is no error, and nothing follows from it.
func TestMirrorGoesOnWhereOthersAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStreet(t, nil, "a", "b")
		s.depots["b"].at["views"] = map[string]es.Position{"a": 50}
		l := es.Look{Handler: "views", After: map[string]es.Position{"a": 0}}
		before := maps.Clone(l.After)
		if err := s.mirrors["b"].Hear(t.Context(), es.Answer{From: "a", Look: &l, Stretch: es.Stretch{UpTo: 20, Head: 90}}); err != nil {
			t.Error(err)
		}
		if at := s.depots["b"].at["views"]["a"]; at != 50 || s.asked > 0 || !maps.Equal(l.After, before) {
			t.Errorf("the position is %d after %d questions, want 50 and none", at, s.asked)
		}
	})
}
