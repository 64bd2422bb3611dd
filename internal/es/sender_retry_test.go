package es_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// mail is a broker that is away until a time, and for some commands for ever. It
// writes down what it is handed.
type mail struct {
	opened time.Time
	lost   map[string]bool          // those that no queue takes
	slow   map[string]time.Duration // how long it takes for some commands

	mu    sync.Mutex
	back  time.Duration // when it takes commands
	diary []string
}

func (m *mail) publish(_ context.Context, c es.Envelope) error {
	time.Sleep(m.slow[c.ID]) // of the bubble's time, as everywhere here
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	if time.Since(m.opened) < m.back || m.lost[c.ID] {
		err = errBroken
	}
	m.diary = append(m.diary, fmt.Sprintf("%v %s: %v", time.Since(m.opened).Seconds(), c.ID, err))
	return err
}

// leave lets the broker be away until another time, and forgets the diary.
func (m *mail) leave(until time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.back, m.diary = until, nil
}

// wantDiary wants this to have been handed over. What was handed over at one time
// counts in any order.
func (m *mail) wantDiary(t *testing.T, want ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.Sort(m.diary)
	slices.Sort(want)
	if !slices.Equal(m.diary, want) {
		t.Errorf("handed over\n\t%s\nwant\n\t%s", strings.Join(m.diary, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// commands returns commands for an aggregate each.
func commands(ids ...string) []es.Envelope {
	all := make([]es.Envelope, len(ids))
	for i, id := range ids {
		all[i] = es.Envelope{ID: id, Target: "target of " + id}
	}
	return all
}

// handEach hands over commands one after the other, as they come from as many requests.
func handEach(t *testing.T, s *es.Sender, commands []es.Envelope) {
	t.Helper()
	for _, c := range commands {
		s.Hand(t.Context(), []es.Envelope{c})
	}
}

// Each waits until the broker has confirmed it, so that all of them take as long as one.
func TestSenderHandsOverSideBySideWhatIsForSeveralAggregates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var done []string
		s := &es.Sender{Log: slog.New(slog.DiscardHandler), Publish: func(_ context.Context, c es.Envelope) error {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			done = append(done, c.ID)
			return nil
		}}
		ctx, leave := context.WithCancel(t.Context())
		leave() // whoever asked; the commands stand
		began := time.Now()
		s.Hand(ctx, []es.Envelope{{ID: "create", Target: "7"}, {ID: "open", Target: "8"}, {ID: "submit", Target: "7"}, {ID: "debit", Target: "9"}})
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v, want as long as the two for 7", took)
		}
		if len(done) != 4 || slices.Index(done, "create") > slices.Index(done, "submit") {
			t.Errorf("handed over %v, want all, and those for 7 in their order", done)
		}
	})
}

func TestSenderOffersOneCommandASecondWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &mail{opened: time.Now(), back: 2500 * time.Millisecond}
		log, said := logged()
		s := &es.Sender{Publish: m.publish, Log: log}
		handEach(t, s, commands("a", "b", "c"))
		stop := start(t, s.Retry)
		time.Sleep(10 * time.Second)
		stop()
		m.wantDiary(t, "0 a: broken", "0 b: broken", "0 c: broken", "1 a: broken", "2 b: broken",
			"3 c: <nil>", "3 a: <nil>", "3 b: <nil>")
		if warnings := strings.Count(said.String(), "level=WARN"); warnings != 1 {
			t.Errorf("logged %d warnings, want one:\n%s", warnings, said)
		}
	})
}

func TestSenderWarnsOncePerOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &mail{opened: time.Now(), back: 1500 * time.Millisecond}
		log, said := logged()
		s := &es.Sender{Publish: m.publish, Log: log}
		stop := start(t, s.Retry)
		handEach(t, s, commands("a", "b"))
		time.Sleep(5 * time.Second)
		m.leave(time.Hour)
		handEach(t, s, commands("c", "d"))
		time.Sleep(5 * time.Second)
		stop()
		if warnings := strings.Count(said.String(), "level=WARN"); warnings != 2 {
			t.Errorf("logged %d warnings, want one for each of two outages:\n%s", warnings, said)
		}
	})
}

func TestSenderGetsPastACommandThatNoQueueTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &mail{opened: time.Now(), back: time.Millisecond, lost: map[string]bool{"lost": true}}
		log, _ := logged()
		s := &es.Sender{Publish: m.publish, Log: log}
		handEach(t, s, commands("lost", "a", "b"))
		stop := start(t, s.Retry)
		time.Sleep(3500 * time.Millisecond)
		stop()
		m.wantDiary(t, "0 lost: broken", "0 a: broken", "0 b: broken", "1 lost: broken",
			"2 a: <nil>", "2 b: <nil>", "2 lost: broken", "3 lost: broken")
	})
}

// The broker comes back after the first command for the order was offered to it.
func TestSenderKeepsTheOrderOfAnAggregateOverAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var taken []string
		began, log := time.Now(), slog.New(slog.DiscardHandler)
		s := &es.Sender{Log: log, Publish: func(_ context.Context, c es.Envelope) error {
			if time.Since(began) < 1500*time.Millisecond {
				return errBroken
			}
			taken = append(taken, c.ID)
			return nil
		}}
		s.Hand(t.Context(), []es.Envelope{{ID: "create", Target: "7"}, {ID: "submit", Target: "7"}, {ID: "ship", Target: "7"}})
		stop := start(t, s.Retry)
		time.Sleep(5 * time.Second)
		stop()
		if want := []string{"create", "submit", "ship"}; !slices.Equal(taken, want) {
			t.Errorf("published %v, want %v", taken, want)
		}
	})
}

func TestSenderHandsOverManyAtATimeButThoseForOneAggregateInTheirOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const aggregates, each = 100, 3
		var refused []es.Envelope
		for n := range each {
			for target := range aggregates {
				refused = append(refused, es.Envelope{ID: fmt.Sprint(n), Target: fmt.Sprint(target)})
			}
		}
		var (
			mu           sync.Mutex
			atWork, most int
			back         bool
			got          = map[string][]string{}
		)
		log, _ := logged()
		s := &es.Sender{Log: log, Publish: func(_ context.Context, c es.Envelope) error {
			mu.Lock()
			defer mu.Unlock()
			if !back {
				return errBroken
			}
			atWork++
			most = max(most, atWork)
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			atWork--
			got[c.Target] = append(got[c.Target], c.ID) // as it ends, so that two at a time are seen
			return nil
		}}
		s.Hand(t.Context(), refused)
		back = true
		stop := start(t, s.Retry)
		time.Sleep(10 * time.Second)
		stop()
		if most != 64 {
			t.Errorf("handed over %d at a time, want 64", most)
		}
		for target := range aggregates {
			if want := []string{"0", "1", "2"}; !slices.Equal(got[fmt.Sprint(target)], want) {
				t.Errorf("aggregate %d got %v, want %v", target, got[fmt.Sprint(target)], want)
			}
		}
	})
}

func TestSenderRemembersTheOldestTenThousand(t *testing.T) {
	t.Parallel()
	const most = 10_000
	number := func(from, n int) []es.Envelope {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprint(from + i)
		}
		return commands(ids...)
	}
	for name, later := range map[string]int{"of one burst": 0, "though more come while it probes": 5_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &mail{opened: time.Now(), back: time.Hour, slow: map[string]time.Duration{"0": 100 * time.Millisecond}}
				log, _ := logged()
				s := &es.Sender{Publish: m.publish, Log: log}
				handEach(t, s, number(0, most+100))
				stop := start(t, s.Retry)
				time.Sleep(1050 * time.Millisecond)
				handEach(t, s, number(20_000, later)) // while number 0 is on offer
				time.Sleep(500 * time.Millisecond)
				m.leave(0)
				time.Sleep(time.Minute)
				stop()
				if len(m.diary) != most {
					t.Errorf("handed over %d commands, want %d", len(m.diary), most)
				}
				if slices.ContainsFunc(m.diary, func(line string) bool { return strings.Contains(line, fmt.Sprintf(" %d:", most)) }) {
					t.Errorf("handed over number %d, want the oldest", most)
				}
			})
		})
	}
}

func TestSenderGivesABrokerThatHangsFiveSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var after []time.Duration
		began := time.Now()
		log, _ := logged()
		s := &es.Sender{Log: log, Publish: func(ctx context.Context, _ es.Envelope) error {
			<-ctx.Done()
			after = append(after, time.Since(began))
			return ctx.Err()
		}}
		left, cancel := context.WithCancel(t.Context())
		cancel() // who asked has left, but the command stands
		s.Hand(left, commands("a"))
		stop := start(t, s.Retry)
		time.Sleep(6500 * time.Millisecond)
		stop()
		if want := []time.Duration{5 * time.Second, 11 * time.Second}; !slices.Equal(after, want) {
			t.Errorf("gave up after %v, want %v", after, want)
		}
	})
}

func TestSenderDoesNotFinishALongListWhenItIsToStop(t *testing.T) {
	t.Parallel()
	open := make([]es.Envelope, 500)
	for i := range open {
		open[i] = es.Envelope{ID: fmt.Sprint(i), Target: fmt.Sprint(i % 10), AcceptedAt: noon.Add(time.Duration(i))}
	}
	for name, test := range map[string]struct {
		refused []es.Envelope
		run     func(*es.Sender, context.Context) error
	}{
		"of what the broker has refused": {open, (*es.Sender).Retry},
		"of what has no outcome":         {nil, (*es.Sender).Run},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log, _ := logged()
				publish := func(context.Context, es.Envelope) error { return errBroken }
				s := &es.Sender{
					Journal: &book{open: open}, Log: log, Now: func() time.Time { return noon.Add(time.Hour) }, Patience: time.Minute,
					Publish: func(ctx context.Context, c es.Envelope) error { return publish(ctx, c) },
				}
				s.Hand(t.Context(), test.refused)
				publish = func(ctx context.Context, c es.Envelope) error {
					if c.ID == "0" {
						return nil
					}
					return hangs(ctx, c)
				}
				stop := start(t, func(ctx context.Context) error { return test.run(s, ctx) })
				time.Sleep(2 * time.Second)
				began := time.Now()
				stop()
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("stopping took %s, want no more than one command may take", took)
				}
			})
		})
	}
}
