package es_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

func timer(name string, seconds int) es.Timer {
	return es.Timer{Name: name, At: noon.Add(time.Duration(seconds) * time.Second)}
}

// waiting returns a stage with process 7, which waits for some timers. An addition of
// n makes it wait for those of next[n] instead.
func waiting(t *testing.T, next map[int][]es.Timer, timers ...es.Timer) *stage {
	t.Helper()
	s := newStage(t, at(0, "order-7", 1, 0))
	s.answer(func(p saga, e es.Event) (es.Reaction, error) {
		r := es.Reaction{Send: []es.Command{tell{p.Saw[len(p.Saw)-1]}}}
		if e, ok := e.(added); ok {
			if e.N == 0 {
				r.Learned = []es.Event{waitFor{timers}}
			} else {
				r.Learned = []es.Event{waitFor{next[e.N]}}
			}
		}
		return r, nil
	})
	if err := s.CatchUp(t.Context(), "order-7"); err != nil {
		t.Fatal(err)
	}
	s.wantTimers(t, timers...)
	return s
}

// wantTimers wants process 7 to wait for these.
func (s *stage) wantTimers(t *testing.T, want ...es.Timer) {
	t.Helper()
	same := func(a, b es.Timer) bool { return a.Name == b.Name && a.At.Equal(b.At) }
	if got := s.kept.instance("7").Timers; !slices.EqualFunc(got, want, same) {
		t.Errorf("the timers are %v, want %v", got, want)
	}
}

func (s *stage) fire(t *testing.T, id string) {
	t.Helper()
	if err := s.Fire(t.Context(), id); err != nil {
		t.Errorf("fire: %v", err)
	}
}

func TestManagerFiresTimersOnceWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	s := waiting(t, nil, timer("late", 20), timer("early", 10), timer("far", 7200))
	s.now = noon.Add(10*time.Second - time.Microsecond)
	s.fire(t, "7")
	s.wantSaw(t, "7", "+0")
	s.now = noon.Add(10 * time.Second)
	for range 2 {
		s.fire(t, "7")
		s.wantSaw(t, "7", "+0", "early at 10s")
		s.wantTimers(t, timer("late", 20), timer("far", 7200))
	}
	s.now = noon.Add(time.Hour)
	s.fire(t, "7")
	s.wantSaw(t, "7", "+0", "early at 10s", "late at 20s")
	s.wantTold(t, "+0", "early at 10s", "late at 20s")
	steps := s.kept.instance("7").Steps
	if last := steps[len(steps)-1]; last.Event != "process.timer_elapsed" || last.Timer != "late" || last.Stream != "" || len(last.Sent) != 1 {
		t.Errorf("the last step is %+v", last)
	}
	c := s.kept.sent[2]
	if c.Metadata.CorrelationID != "r-0" || c.Metadata.CausationID != steps[2].EventID || !c.AcceptedAt.Equal(noon.Add(20*time.Second)) {
		t.Errorf("the answer to a timer is %+v, want it correlated with what began the process, and of the timer's time", c)
	}
	s.fire(t, "8") // whom nobody knows
	s.wantSaw(t, "8")
	if s.kept.saves != 3 {
		t.Errorf("saved %d times, want 3", s.kept.saves)
	}
}

func TestManagerReplacesTimersByThoseOfTheLatestState(t *testing.T) {
	t.Parallel()
	s := waiting(t, map[int][]es.Timer{1: {timer("a", 30)}}, timer("a", 10), timer("b", 10))
	s.store.records = append(s.store.records, at(5, "order-7", 2, 1))
	if err := s.CatchUp(t.Context(), "order-7"); err != nil {
		t.Fatal(err)
	}
	s.wantTimers(t, timer("a", 30))
	s.now = noon.Add(20 * time.Second)
	s.fire(t, "7")
	s.now = noon.Add(30 * time.Second)
	s.fire(t, "7")
	s.wantSaw(t, "7", "+0", "+1", "a at 30s")
	s.wantTimers(t)
}

// What an earlier timer calls off or brings about counts at once.
func TestManagerMindsWhatAnEarlierTimerOfTheSameCallHasChanged(t *testing.T) {
	t.Parallel()
	s := waiting(t, nil, timer("called off", 20), timer("first", 10))
	react := s.Process.React
	s.answer(func(p saga, e es.Event) (es.Reaction, error) {
		r, err := react(t.Context(), p, e)
		if e, ok := e.(es.Elapsed); ok && e.Timer == "first" {
			r.Learned = []es.Event{waitFor{[]es.Timer{timer("second", 15), timer("far", 7200)}}}
		}
		return r, err
	})
	s.fire(t, "7")
	s.wantSaw(t, "7", "+0", "first at 10s", "second at 15s")
	s.wantTimers(t, timer("far", 7200))
	if s.kept.saves != 2 {
		t.Errorf("saved %d times, want twice", s.kept.saves)
	}
}

func TestManagerFiresATimerOnceThoughEightDoItAtATime(t *testing.T) {
	t.Parallel()
	s := waiting(t, nil, timer("a", 10), timer("b", 20))
	var inside atomic.Int64
	together := make(chan struct{})
	react := s.Process.React
	s.answer(func(p saga, e es.Event) (es.Reaction, error) {
		if inside.Add(1) == 8 {
			close(together)
		}
		<-together // all of them are at it before the first one saves
		return react(t.Context(), p, e)
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { s.fire(t, "7") })
	}
	all.Wait()
	s.wantSaw(t, "7", "+0", "a at 10s", "b at 20s")
	s.wantTold(t, "+0", "a at 10s", "b at 20s")
	s.wantTimers(t)
}

func TestManagerKeepsWhatTheTimersBeforeAFailingOneDid(t *testing.T) {
	t.Parallel()
	s := waiting(t, nil, timer("a", 10), timer("b", 20))
	react := s.Process.React
	s.answer(func(p saga, e es.Event) (es.Reaction, error) {
		if e, ok := e.(es.Elapsed); ok && e.Timer == "b" {
			return es.Reaction{}, errBroken
		}
		return react(t.Context(), p, e)
	})
	if err := s.Fire(t.Context(), "7"); !errors.Is(err, errBroken) {
		t.Errorf("the error is %v, want %v", err, errBroken)
	}
	s.wantSaw(t, "7", "+0", "a at 10s")
	s.wantTold(t, "+0", "a at 10s")
	s.wantTimers(t, timer("b", 20))
}

func TestManagerRefusesATimerThatNeverGoesAway(t *testing.T) {
	t.Parallel()
	s := waiting(t, nil, timer("a", 10))
	s.Process.Timers = func(saga) []es.Timer { return []es.Timer{timer("a", 10)} }
	for range 2 {
		if err := s.Fire(t.Context(), "7"); err == nil {
			t.Error("the timer was fired, want an error")
		}
		s.wantSaw(t, "7", "+0")
		s.wantTold(t, "+0")
	}
}

func TestManagerLetsAProcessTryAgain(t *testing.T) {
	t.Parallel()
	s := waiting(t, map[int][]es.Timer{1: {timer("b", 7300)}}, timer("a", 7200))
	retry := es.Timer{Name: "process.retry", At: time.UnixMicro(2)} // by the version that it leads to
	for range 2 {                                                   // the second time it has been asked already
		if err := es.Retry(t.Context(), s.Processes, "7"); err != nil {
			t.Fatal(err)
		}
		s.wantTimers(t, timer("a", 7200), retry)
		s.wantTold(t, "+0")
		s.now = s.now.Add(time.Second)
	}
	s.store.records = append(s.store.records, at(5, "order-7", 2, 1))
	if err := s.CatchUp(t.Context(), "order-7"); err != nil {
		t.Fatal(err)
	}
	s.wantTimers(t, retry, timer("b", 7300))
	s.fire(t, "7")
	s.fire(t, "7")
	s.wantSaw(t, "7", "+0", "+1", "retried")
	s.wantTold(t, "+0", "+1", "retried")
	s.wantTimers(t, timer("b", 7300))
	steps := s.kept.instance("7").Steps
	if last := steps[len(steps)-1]; last.Event != "process.retried" || last.Timer != "" {
		t.Errorf("the last step is %+v", last)
	}
	if err := es.Retry(t.Context(), s.Processes, "8"); !errors.Is(err, es.ErrNoProcess) {
		t.Errorf("the error for a process that is not there is %v, want %v", err, es.ErrNoProcess)
	}
	if len(s.kept.instances) != 1 {
		t.Errorf("%d processes are kept, want 1", len(s.kept.instances))
	}
}

// Whoever asks, whoever fires and whoever has run the process so far have clocks of
// their own.
func TestManagerLetsAProcessTryAgainAtOnceWhateverTheClocksSay(t *testing.T) {
	t.Parallel()
	s := waiting(t, nil, timer("a", 7200))
	ids := map[string]bool{}
	for i, now := range []time.Duration{0, 0, -1000 * time.Hour, -1000 * time.Hour, time.Hour} {
		s.now = noon.Add(now) // the process began an hour later
		if err := es.Retry(t.Context(), s.Processes, "7"); err != nil {
			t.Fatal(err)
		}
		s.fire(t, "7")
		s.fire(t, "7")
		s.wantSaw(t, "7", append([]string{"+0"}, slices.Repeat([]string{"retried"}, i+1)...)...)
		sent := s.kept.sent[len(s.kept.sent)-1]
		if !sent.AcceptedAt.Equal(s.now) {
			t.Errorf("the answer to a retry was accepted at %v, want %v", sent.AcceptedAt, s.now)
		}
		ids[sent.ID] = true
	}
	if len(ids) != 5 {
		t.Errorf("5 retries sent commands with %d ids", len(ids))
	}
}
