package es_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// An addition of 1 is the answer that process 7 waits for, one of 2 is something else.
var answered = map[int][]es.Timer{1: nil, 2: {timer("a", 10)}}

func TestManagerShowsWhatTheStoreHoldsBeforeATimerFires(t *testing.T) {
	t.Parallel()
	payment := func(saga) []es.Stream { return []es.Stream{"payment-7"} }
	for name, test := range map[string]struct {
		news  []es.Record
		names func(saga) []es.Stream // what the state names
		want  []string
	}{
		"the answer, of a stream that it has seen":     {[]es.Record{at(5, "order-7", 2, 1)}, nil, []string{"+0", "+1"}},
		"the answer, of a stream that its state names": {[]es.Record{at(5, "payment-7", 1, 1)}, payment, []string{"+0", "+1"}},
		"the answer, of a stream that the news name": {
			[]es.Record{at(4, "order-7", 2, 2), at(5, "payment-7", 1, 1)},
			func(s saga) []es.Stream {
				if slices.Contains(s.Saw, "+2") {
					return []es.Stream{"payment-7", "order-7"}
				}
				return nil
			}, []string{"+0", "+2", "+1"},
		},
		"the answer, though it happened after the timer's time": {[]es.Record{at(12, "payment-7", 1, 1)}, payment, []string{"+0", "+1"}},
		"the answer, when something else happened after it": {
			[]es.Record{at(7, "order-7", 2, 3), at(5, "payment-7", 1, 1)}, payment, []string{"+0", "+1", "+3"},
		},
		"something else":       {[]es.Record{at(5, "order-7", 2, 2)}, nil, []string{"+0", "+2", "a at 10s"}},
		"nothing of others":    {[]es.Record{at(5, "payment-7", 1, 1), at(5, "order-8", 1, 1)}, nil, []string{"+0", "a at 10s"}},
		"nothing, if there is": {nil, payment, []string{"+0", "a at 10s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := waiting(t, answered, timer("a", 10))
			s.Process.Streams = test.names
			s.store.records = append(s.store.records, test.news...)
			for range 2 {
				s.fire(t, "7")
				s.wantSaw(t, "7", test.want...)
				s.wantTold(t, test.want...)
				s.wantTimers(t)
			}
		})
	}
}

func TestManagerShowsWhatTheStoreHoldsBeforeARetry(t *testing.T) {
	t.Parallel()
	s := waiting(t, answered, timer("a", 7200))
	s.store.records = append(s.store.records, at(5, "order-7", 2, 1))
	if err := es.Retry(t.Context(), s.Processes, "7"); err != nil {
		t.Fatal(err)
	}
	s.fire(t, "7")
	s.wantSaw(t, "7", "+0", "+1", "retried")
	s.wantTold(t, "+0", "+1", "retried")
}

// Timers that are due are few; the others cost no more than a look at the process.
func TestManagerReadsNothingForATimerThatIsNotDue(t *testing.T) {
	t.Parallel()
	s := waiting(t, nil, timer("a", 7200))
	s.Store, s.kept.unseen = nil, errBroken
	s.fire(t, "7")
	s.wantTimers(t, timer("a", 7200))
}

func TestManagerFiresNoTimerWhileThereIsSomethingThatItCannotShow(t *testing.T) {
	t.Parallel()
	unknown := at(5, "order-7", 2, 1)
	unknown.Type = "unknown"
	for name, test := range map[string]struct {
		second       es.Record // of order-7
		broken, mend func(*stage)
	}{
		"the streams cannot be read": {
			at(5, "order-7", 2, 1),
			func(s *stage) { s.Store = &brokenOff{reader{records: s.store.records[:1]}} },
			func(s *stage) { s.Store = s.store },
		},
		"it is not known what was seen": {
			at(5, "order-7", 2, 1),
			func(s *stage) { s.kept.unseen = errBroken },
			func(s *stage) { s.kept.unseen = nil },
		},
		"an event cannot be decoded": {
			unknown,
			func(*stage) {},
			func(s *stage) { s.store.records[1] = at(5, "order-7", 2, 1) },
		},
		"a reaction fails": {
			at(5, "order-7", 2, 1),
			func(s *stage) {
				react := s.Process.React
				s.answer(func(p saga, e es.Event) (es.Reaction, error) {
					if e == (added{1}) {
						return es.Reaction{}, errBroken
					}
					return react(t.Context(), p, e)
				})
			},
			func(*stage) {},
		},
		"what was seen cannot be saved": {
			at(5, "order-7", 2, 1),
			func(s *stage) { s.kept.broken = errBroken },
			func(s *stage) { s.kept.broken = nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := waiting(t, answered, timer("a", 10))
			s.store.records = append(s.store.records, test.second)
			react := s.Process.React
			test.broken(s)
			for range 2 {
				if err := s.Fire(t.Context(), "7"); err == nil {
					t.Error("fired, want an error")
				}
				s.wantSaw(t, "7", "+0")
				s.wantTimers(t, timer("a", 10))
			}
			s.Process.React = react
			test.mend(s)
			s.fire(t, "7")
			s.wantSaw(t, "7", "+0", "+1")
			s.wantTold(t, "+0", "+1")
			s.wantTimers(t)
		})
	}
}

// Whoever wants a process to try again gives nothing up.
func TestManagerGrantsAWishToRetryThoughThereIsSomethingThatItCannotShow(t *testing.T) {
	t.Parallel()
	s := waiting(t, answered, timer("a", 10))
	unknown := at(6, "order-7", 3, 1)
	unknown.Type = "unknown"
	s.store.records = append(s.store.records, at(5, "order-7", 2, 2), unknown)
	if err := es.Retry(t.Context(), s.Processes, "7"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Fire(t.Context(), "7"); err == nil {
			t.Error("no error says that something could not be shown")
		}
		s.wantSaw(t, "7", "+0", "+2", "retried")
		s.wantTold(t, "+0", "+2", "retried")
		s.wantTimers(t, timer("a", 10))
	}
}

// What it could show is kept, and so is the timer.
func TestManagerKeepsTheNewsThatItCouldShowBeforeATimer(t *testing.T) {
	t.Parallel()
	s := waiting(t, answered, timer("a", 10))
	unknown := at(6, "order-7", 3, 1)
	unknown.Type = "unknown"
	s.store.records = append(s.store.records, at(5, "order-7", 2, 2), unknown)
	for range 2 {
		if err := s.Fire(t.Context(), "7"); err == nil {
			t.Error("fired, want an error")
		}
		s.wantSaw(t, "7", "+0", "+2")
		s.wantTold(t, "+0", "+2")
		s.wantTimers(t, timer("a", 10))
	}
}

func TestManagerFiresNoTimerWhoseAnswerSomebodyElseShowsMeanwhile(t *testing.T) {
	t.Parallel()
	s := waiting(t, answered, timer("a", 10))
	s.kept.interrupt = func() { // when the timer has been seen and is about to be saved
		s.store.records = append(s.store.records, at(5, "order-7", 2, 1))
		if err := s.CatchUp(t.Context(), "order-7"); err != nil {
			t.Error(err)
		}
	}
	s.fire(t, "7")
	s.wantSaw(t, "7", "+0", "+1")
	s.wantTold(t, "+0", "+1")
	s.wantTimers(t)
}

func TestManagerShowsEverythingOnceThoughManyFireAndCatchUpAtATime(t *testing.T) {
	t.Parallel()
	s := waiting(t, map[int][]es.Timer{2: {timer("a", 10)}, 3: {timer("a", 10)}, 4: {timer("a", 10)}}, timer("a", 10))
	s.Process.Streams = func(saga) []es.Stream { return []es.Stream{"payment-7"} }
	s.store.records = append(s.store.records, at(1, "order-7", 2, 2), at(2, "payment-7", 1, 3), at(3, "order-7", 3, 4))
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range 16 {
		all.Go(func() {
			<-begin
			if i%2 == 0 {
				s.fire(t, "7")
			} else if err := s.CatchUp(t.Context(), "payment-7", "order-7"); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	all.Wait()
	s.wantSaw(t, "7", "+0", "+2", "+3", "+4", "a at 10s")
	s.wantTimers(t)
	slices.Sort(s.handed)
	if want := []string{"+0", "+2", "+3", "+4", "a at 10s"}; !slices.Equal(s.handed, want) || len(s.kept.sent) != len(want) {
		t.Errorf("handed on %q and accepted %d commands, want %q", s.handed, len(s.kept.sent), want)
	}
}
