package es_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// newRequester returns a requester whose commands are accepted as pending.
func newRequester(b *book, publish func(context.Context, es.Envelope) error) *es.Requester {
	if b.accept == nil {
		b.accept = func(c es.Envelope) (es.Outcome, bool, error) { return pending(c), false, nil }
	}
	if publish == nil {
		publish = func(context.Context, es.Envelope) error { return nil }
	}
	log, _ := logged()
	return &es.Requester{
		Sender: &es.Sender{Journal: b, Publish: publish, Log: log}, Outcomes: &es.Notices[es.Outcome]{}, Poll: time.Second,
	}
}

// request runs Request in a bubble and says how long it took. It wants nobody to
// wait for news afterwards.
func request(t *testing.T, ctx context.Context, r *es.Requester, wait time.Duration) (es.Outcome, time.Duration, error) {
	t.Helper()
	began := time.Now()
	o, err := r.Request(ctx, add, wait)
	if n := len(r.Outcomes.Keys()); n > 0 {
		t.Errorf("%d commands are still watched, want none", n)
	}
	return o, time.Since(began), err
}

func wantAnswer(t *testing.T, o es.Outcome, took time.Duration, err error, want es.Outcome, after time.Duration) {
	t.Helper()
	if err != nil || o != want || took != after {
		t.Errorf("got %+v, %v after %v, want %+v after %v", o, err, took, want, after)
	}
}

func TestRequesterAnswersByNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRequester(&book{}, nil)
		go func() {
			time.Sleep(300 * time.Millisecond) // of the bubble's time
			r.Outcomes.Post("another", es.Outcome{})
			r.Outcomes.Post("c-1", succeeded)
		}()
		o, took, err := request(t, t.Context(), r, 5*time.Second)
		wantAnswer(t, o, took, err, succeeded, 300*time.Millisecond)
	})
}

func TestRequesterHearsNewsThatIsFasterThanItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r *es.Requester
		r = newRequester(&book{}, func(context.Context, es.Envelope) error {
			r.Outcomes.Post("c-1", succeeded) // carried out before Publish returns
			return nil
		})
		o, took, err := request(t, t.Context(), r, 5*time.Second)
		wantAnswer(t, o, took, err, succeeded, 0)
	})
}

func TestRequesterAnswersByLookingWhenNobodyTells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := newRequester(&book{outcomes: func(string) (es.Outcome, error) {
			if time.Since(began) < 2500*time.Millisecond {
				return pending(add), nil
			}
			return succeeded, nil
		}}, nil)
		o, took, err := request(t, t.Context(), r, 5*time.Second)
		wantAnswer(t, o, took, err, succeeded, 3*time.Second)
	})
}

func TestRequesterSaysPendingWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{-time.Second, 0, 2500 * time.Millisecond} {
		t.Run(wait.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRequester(&book{outcomes: func(string) (es.Outcome, error) { return pending(add), nil }}, nil)
				o, took, err := request(t, t.Context(), r, wait)
				wantAnswer(t, o, took, err, pending(add), max(wait, 0))
			})
		})
	}
}

func TestRequesterDoesNotLookAgainAfterALookThatTookTooLong(t *testing.T) {
	t.Parallel()
	for range 20 { // it may be lucky
		synctest.Test(t, func(t *testing.T) {
			r := newRequester(&book{outcomes: func(string) (es.Outcome, error) {
				<-time.After(3 * time.Second)
				return es.Outcome{}, errors.New("the store does not answer")
			}}, nil)
			o, took, err := request(t, t.Context(), r, 2*time.Second)
			wantAnswer(t, o, took, err, pending(add), 4*time.Second)
		})
	}
}

func TestRequesterAnswersARepetitionAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRequester(&book{accept: func(es.Envelope) (es.Outcome, bool, error) { return succeeded, true, nil }}, nil)
		o, took, err := request(t, t.Context(), r, 5*time.Second)
		wantAnswer(t, o, took, err, succeeded, 0)
	})
}

func TestRequesterWaitsWithARepetitionForAnOutcomeThatIsStillToCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRequester(&book{
			accept:   func(c es.Envelope) (es.Outcome, bool, error) { return pending(c), true, nil },
			outcomes: func(string) (es.Outcome, error) { return succeeded, nil },
		}, func(context.Context, es.Envelope) error { t.Error("a repetition was published"); return nil })
		o, took, err := request(t, t.Context(), r, 5*time.Second)
		wantAnswer(t, o, took, err, succeeded, time.Second)
	})
}

func TestRequesterReturnsWhatWentWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{accept: func(es.Envelope) (es.Outcome, bool, error) { return es.Outcome{}, false, errBroken }}
		o, _, err := request(t, t.Context(), newRequester(b, nil), 5*time.Second)
		if !errors.Is(err, errBroken) || o.Status == es.StatusSucceeded {
			t.Errorf("got %+v, %v, want %v", o, err, errBroken)
		}
	})
}

func TestRequesterKeepsWaitingForWhatWasAcceptedWhenItCannotLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{outcomes: func(string) (es.Outcome, error) { return es.Outcome{}, errBroken }}
		o, _, err := request(t, t.Context(), newRequester(b, nil), 5*time.Second)
		if err != nil || o.Status != es.StatusPending {
			t.Errorf("got %+v, %v, want it pending: it has been accepted", o, err)
		}
	})
}

func TestRequesterStopsWaitingWhenTheCallerLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, took, err := request(t, ctx, newRequester(&book{}, nil), 5*time.Second)
		if !errors.Is(err, context.DeadlineExceeded) || took != 300*time.Millisecond {
			t.Errorf("got %v after %v, want the context's error after 300ms", err, took)
		}
	})
}

// patience is how long it takes until a broker that hangs is given up, of the
// bubble's time.
const patience = 10 * time.Second

// hangs is a broker that says nothing until it is given up.
func hangs(ctx context.Context, _ es.Envelope) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestRequesterDoesNotWaitLongForABrokerThatHangs(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{-time.Second, 0} {
		t.Run(wait.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, took, err := request(t, t.Context(), newRequester(&book{}, hangs), wait)
				wantAnswer(t, o, took, err, pending(add), 100*time.Millisecond)
				time.Sleep(patience)
			})
		})
	}
}

func TestRequesterAnswersAtOnceWhenTheBrokerHasTheCommand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		taken := false
		r := newRequester(&book{}, func(context.Context, es.Envelope) error {
			time.Sleep(30 * time.Millisecond) // of the bubble's time
			taken = true
			return nil
		})
		o, took, err := request(t, t.Context(), r, 0)
		wantAnswer(t, o, took, err, pending(add), 30*time.Millisecond)
		if !taken {
			t.Error("it answered before the broker had the command")
		}
	})
}

func TestRequesterWaitsForTheOutcomeAndNotForTheBroker(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		news time.Duration // when the outcome is told, 0 for never
		wait time.Duration
		want es.Outcome
		took time.Duration
	}{
		"when there is news":        {10 * time.Millisecond, 3 * time.Second, succeeded, 10 * time.Millisecond},
		"when there is late news":   {500 * time.Millisecond, 3 * time.Second, succeeded, 500 * time.Millisecond},
		"when there is no news":     {0, 3 * time.Second, pending(add), 3 * time.Second},
		"when it waits for a blink": {0, time.Millisecond, pending(add), time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRequester(&book{}, hangs)
				if test.news > 0 {
					time.AfterFunc(test.news, func() { r.Outcomes.Post("c-1", succeeded) })
				}
				o, took, err := request(t, t.Context(), r, test.wait)
				wantAnswer(t, o, took, err, test.want, test.took)
				time.Sleep(patience)
			})
		})
	}
}

func TestRequesterStopsWaitingWhenTheServiceShutsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRequester(&book{}, nil)
		hurry := make(chan struct{})
		r.Done = hurry
		time.AfterFunc(300*time.Millisecond, func() { close(hurry) })
		o, took, err := request(t, t.Context(), r, 5*time.Second)
		wantAnswer(t, o, took, err, pending(add), 300*time.Millisecond)
	})
}

func TestRequesterLeavesToTheSenderWhatABrokerThatHangsHasNotTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var taken []time.Duration
		began := time.Now()
		r := newRequester(&book{}, func(ctx context.Context, c es.Envelope) error {
			if time.Since(began) < time.Second {
				return hangs(ctx, c)
			}
			taken = append(taken, time.Since(began))
			return nil
		})
		stop := start(t, r.Sender.Retry)
		ctx, cancel := context.WithCancel(t.Context())
		if _, _, err := request(t, ctx, r, 0); err != nil {
			t.Error(err)
		}
		cancel() // the client has its answer and leaves
		time.Sleep(7500 * time.Millisecond)
		stop()
		if len(taken) != 1 || taken[0] > 6*time.Second {
			t.Errorf("the broker took it after %v, want once, at most a second after the 5 for the first try", taken)
		}
	})
}
