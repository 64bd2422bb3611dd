package es_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// book is a journal that holds commands without an outcome.
type book struct {
	es.Journal
	accept   func(es.Envelope) (es.Outcome, bool, error)
	open     []es.Envelope // in the order of their acceptance
	asked    []time.Time   // the times before which commands were asked for
	broken   int           // how many questions go wrong first
	longest  int           // the most commands asked for at once
	outcomes func(id string) (es.Outcome, error)
}

func (b *book) Accept(_ context.Context, c es.Envelope) (es.Outcome, bool, error) { return b.accept(c) }

func (b *book) Outcome(_ context.Context, id string) (es.Outcome, error) {
	if b.outcomes == nil {
		return pending(es.Envelope{ID: id}), nil
	}
	return b.outcomes(id)
}

func (b *book) Unfinished(_ context.Context, before time.Time, after es.Envelope, limit int) ([]es.Envelope, error) {
	if after.ID == "" {
		b.asked = append(b.asked, before)
	}
	if b.broken > 0 {
		b.broken--
		return nil, errBroken
	}
	b.longest = max(b.longest, limit)
	from := slices.IndexFunc(b.open, func(c es.Envelope) bool { return c.ID == after.ID }) + 1
	var page []es.Envelope
	for _, c := range b.open[from:] {
		if len(page) < limit && c.AcceptedAt.Before(before) {
			page = append(page, c)
		}
	}
	return page, nil
}

// pending is the outcome of a command that was just accepted.
func pending(c es.Envelope) es.Outcome {
	return es.Outcome{CommandID: c.ID, CommandType: c.Type, Target: c.Target, Status: es.StatusPending}
}

func TestSenderPublishesWhatTheJournalAccepted(t *testing.T) {
	t.Parallel()
	earlier := succeeded
	earlier.Version = 3
	for name, test := range map[string]struct {
		outcome   es.Outcome
		known     bool
		accept    error
		publish   error
		published int
		warns     bool
	}{
		"a new command":                       {outcome: pending(add), published: 1},
		"a command the broker will not take":  {outcome: pending(add), publish: errBroken, published: 1, warns: true},
		"a command that was accepted before":  {outcome: earlier, known: true},
		"a command the journal will not take": {accept: errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, said := logged()
			published := 0
			s := &es.Sender{
				Journal: &book{accept: func(es.Envelope) (es.Outcome, bool, error) { return test.outcome, test.known, test.accept }},
				Publish: func(_ context.Context, c es.Envelope) error { published++; return test.publish },
				Log:     log,
			}
			o, known, err := s.Accept(t.Context(), add)
			if err == nil && !known {
				s.Hand(t.Context(), []es.Envelope{add})
			}
			if !errors.Is(err, test.accept) || o != test.outcome || known != test.known {
				t.Errorf("got %+v, known: %t, %v, want %+v, %t, %v", o, known, err, test.outcome, test.known, test.accept)
			}
			if published != test.published {
				t.Errorf("published %d times, want %d", published, test.published)
			}
			if warned := strings.Contains(said.String(), "level=WARN"); warned != test.warns {
				t.Errorf("logged %q, want a warning: %t", said, test.warns)
			}
		})
	}
}

func TestSenderHandsOnWhatComesAfterACommandTheBrokerWillNotTake(t *testing.T) {
	t.Parallel()
	log, _ := logged()
	var got []string
	s := &es.Sender{Log: log, Publish: func(_ context.Context, c es.Envelope) error {
		got = append(got, c.ID)
		return errBroken
	}}
	s.Hand(t.Context(), []es.Envelope{{ID: "a"}, {ID: "b"}})
	if want := []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("tried %v, want %v", got, want)
	}
}

func TestSenderSendsEveryPageOfUnfinishedCommandsAgain(t *testing.T) {
	t.Parallel()
	for _, number := range []int{0, 1, 499, 500, 501, 1201} {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &book{}
				for i := range number {
					b.open = append(b.open, es.Envelope{ID: fmt.Sprint(i), AcceptedAt: time.Now().Add(-time.Second)})
				}
				var got []es.Envelope
				log, said := logged()
				s := &es.Sender{
					Journal: b, Log: log, Now: time.Now, Patience: time.Minute,
					Publish: func(_ context.Context, c es.Envelope) error { got = append(got, c); return nil },
				}
				stop := start(t, s.Run)
				synctest.Wait()
				stop()
				if !reflect.DeepEqual(got, b.open) {
					t.Errorf("published %d commands, want each of %d once and in order", len(got), number)
				}
				if b.longest > 1000 || said.Len() > 0 {
					t.Errorf("asked for %d commands at once and logged %q", b.longest, said)
				}
			})
		})
	}
}

func TestSenderIsPatientWithCommandsOfItsOwnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := &book{open: []es.Envelope{
			{ID: "old", AcceptedAt: began.Add(-time.Nanosecond)},
			{ID: "new", AcceptedAt: began.Add(10 * time.Second)},
		}}
		log, _ := logged()
		got := map[string][]time.Duration{}
		s := &es.Sender{
			Journal: b, Log: log, Now: time.Now, Patience: time.Minute,
			Publish: func(_ context.Context, c es.Envelope) error {
				got[c.ID] = append(got[c.ID], time.Since(began))
				return nil
			},
		}
		stop := start(t, s.Run)
		time.Sleep(100 * time.Second) // of the bubble's time
		stop()
		want := map[string][]time.Duration{"old": {0, 60 * time.Second, 90 * time.Second}, "new": {90 * time.Second}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("sent again after %v, want %v", got, want)
		}
	})
}

func TestSenderTriesAgainLaterWhenTheJournalOrTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{open: []es.Envelope{{ID: "a", AcceptedAt: time.Now().Add(-time.Hour)}}, broken: 1}
		log, said := logged()
		tries := 0
		s := &es.Sender{
			Journal: b, Log: log, Now: time.Now, Patience: time.Minute,
			Publish: func(context.Context, es.Envelope) error {
				if tries++; tries == 1 {
					return errBroken
				}
				return nil
			},
		}
		stop := start(t, s.Run)
		time.Sleep(65 * time.Second) // of the bubble's time: after 0, 30 and 60 seconds
		stop()
		if tries != 2 || strings.Count(said.String(), "level=WARN") != 2 {
			t.Errorf("tried %d times and logged\n%s\nwant 2 tries and 2 warnings", tries, said)
		}
	})
}

func TestSenderSendsAgainWhatComesAfterACommandThatNoQueueTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{open: []es.Envelope{{ID: "gone", AcceptedAt: time.Now().Add(-2)}, {ID: "good", AcceptedAt: time.Now().Add(-1)}}}
		log, _ := logged()
		var sent []string
		s := &es.Sender{
			Journal: b, Log: log, Now: time.Now, Patience: time.Minute,
			Publish: func(_ context.Context, c es.Envelope) error {
				if c.ID == "gone" {
					return errBroken
				}
				sent = append(sent, c.ID)
				return nil
			},
		}
		stop := start(t, s.Run)
		synctest.Wait()
		stop()
		if want := []string{"good"}; !slices.Equal(sent, want) {
			t.Errorf("sent %v, want %v", sent, want)
		}
	})
}
