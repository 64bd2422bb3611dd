package messages

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
)

const views = "millrace.events.views"

func TestRetriesComeAfterGrowingPausesAndEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(c *Config) { c.Retries = 7 })
		var tries []time.Time
		h.router.HandleEvents("views", nil, 1, func(context.Context, es.Record) error {
			tries = append(tries, time.Now())
			return errBroken
		})
		h.run()
		wantAcked(t, h.put(views, event(t, "e-1", "o-1")))
		if l := h.wantBuried(); l.Attempts != 8 || len(tries) != 8 {
			t.Fatalf("buried after %d attempts of %d, want 8", l.Attempts, len(tries))
		}
		for i, about := range []time.Duration{100, 200, 400, 800, 1000, 1000, 1000} {
			about *= time.Millisecond
			if pause := tries[i+1].Sub(tries[i]); pause < about*8/10 || pause > about*12/10 {
				t.Errorf("retry %d comes after %s, want about %s", i+1, pause, about)
			}
		}
	})
}

func TestRetriesEndWithSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		tries := 0
		h.router.HandleCommands("order.test", 1, func(context.Context, es.Envelope) (es.Outcome, error) {
			if tries++; tries < 3 {
				return es.Outcome{}, errBroken
			}
			return es.Outcome{}, nil
		})
		h.run()
		wantAcked(t, h.put(testCommands, command(t, "c-1")))
		h.wantNoneBuried()
		if tries != 3 {
			t.Errorf("tried %d times, want 3", tries)
		}
	})
}

func TestNoRetriesMeansOneAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(c *Config) { c.Retries = 0 })
		h.router.HandleEvents("views", nil, 1, func(context.Context, es.Record) error { return errBroken })
		h.run()
		wantAcked(t, h.put(views, event(t, "e-1", "o-1")))
		if l := h.wantBuried(); l.Attempts != 1 {
			t.Errorf("buried after %d attempts, want one", l.Attempts)
		}
	})
}

func TestMessageThatWaitsForItsNextTryTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.router.HandleEvents("views", nil, 1, func(_ context.Context, r es.Record) error {
			if r.Stream.ID() == "poison" {
				return errBroken
			}
			return nil
		})
		h.run()
		poison := h.put(views, event(t, "poison", "poison"))
		synctest.Wait() // it has failed once
		began := time.Now()
		for range 20 {
			wantAcked(t, h.put(views, event(t, "e-1", "o-1")))
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the others took %s, want them to wait for nothing", took)
		}
		wantAcked(t, poison)
		if l := h.wantBuried(); l.Message.UUID != "poison" {
			t.Errorf("buried %s, want the poison", l.Message.UUID)
		}
	})
}

func TestNoMoreMessagesAreWorkedOnThanThereArePlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		var (
			mu           sync.Mutex
			atWork, most int
		)
		change := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			atWork += n
			most = max(most, atWork)
		}
		h.router.HandleEvents("views", nil, 3, func(context.Context, es.Record) error {
			change(1)
			defer change(-1)
			time.Sleep(time.Second) // of the bubble's time
			return nil
		})
		h.run()
		began := time.Now()
		var all []*message.Message
		for range 9 {
			all = append(all, h.put(views, event(t, "e-1", "o-1")))
		}
		for _, m := range all {
			wantAcked(t, m)
		}
		if took := time.Since(began); most != 3 || took != 3*time.Second {
			t.Errorf("worked on %d at a time and took %s, want 3 and 3s", most, took)
		}
	})
}

func TestPanicIsAnErrorLikeAnyOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.router.HandleEvents("views", nil, 1, func(_ context.Context, r es.Record) error {
			if r.Stream.ID() == "poison" {
				panic("the fold cannot take it")
			}
			return nil
		})
		h.run()
		wantAcked(t, h.put(views, event(t, "e-1", "poison")))
		if l := h.wantBuried(); l.Attempts != 3 || !strings.Contains(l.Err.Error(), "the fold cannot take it") {
			t.Errorf("buried after %d attempts: %v, want 3 and the panic", l.Attempts, l.Err)
		}
		wantAcked(t, h.put(views, event(t, "e-2", "o-1"))) // the place is free again
	})
}

// The context of a message is done when its subscription ends. What is not handled
// by then comes again.
func TestMessageGoesBackWhenItsContextIsDone(t *testing.T) {
	t.Parallel()
	broken := func(context.Context, es.Record) error { return errBroken }
	obedient := func(ctx context.Context, _ es.Record) error { <-ctx.Done(); return ctx.Err() }
	for name, test := range map[string]struct {
		retries int
		handle  func(context.Context, es.Record) error
	}{
		"while it waits for its next try": {2, broken},
		"in its first attempt":            {2, obedient},
		"in its only attempt":             {0, obedient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := open(t, func(c *Config) { c.Retries = test.retries })
				h.router.HandleEvents("views", nil, 1, test.handle)
				h.run()
				began := time.Now()
				m := event(t, "e-1", "o-1")
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				m.SetContext(ctx)
				wantNacked(t, h.put(views, m))
				h.wantNoneBuried()
				if took := time.Since(began); took != 50*time.Millisecond {
					t.Errorf("it went back after %s, want at once", took)
				}
			})
		})
	}
}

func TestMessageGoesBackWhenItsContextIsDoneBeforeThereIsAPlace(t *testing.T) {
	t.Parallel()
	for _, retries := range []int{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t, func(c *Config) { c.Retries = retries })
			handled := 0
			h.router.HandleEvents("views", nil, 1, func(context.Context, es.Record) error {
				handled++
				time.Sleep(time.Second) // of the bubble's time
				return nil
			})
			h.run()
			first := h.put(views, event(t, "e-1", "o-1"))
			synctest.Wait() // it has the only place
			second := event(t, "e-2", "o-1")
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			second.SetContext(ctx)
			wantNacked(t, h.put(views, second))
			wantAcked(t, first)
			h.wantNoneBuried()
			if handled != 1 {
				t.Errorf("handled %d messages, want the first only", handled)
			}
		})
	}
}
