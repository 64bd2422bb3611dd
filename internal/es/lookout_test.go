package es_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// inquiry is what a lookout asks, and what it is told.
type inquiry struct {
	opened  time.Time
	asked   []string // when, and for what
	answers map[string]int
	broken  []error // what comes with the next answers, nil once they run out
}

func (q *inquiry) ask(_ context.Context, keys []string) (map[string]int, error) {
	slices.Sort(keys)
	q.asked = append(q.asked, fmt.Sprint(time.Since(q.opened).Seconds(), keys))
	if err := next(&q.broken); err != nil {
		return nil, err
	}
	return q.answers, nil
}

// look starts a lookout that asks every second. It is to be stopped before what
// it asked is looked at.
func (q *inquiry) look(t *testing.T) (news *es.Notices[int], stop func()) {
	t.Helper()
	q.opened, news = time.Now(), &es.Notices[int]{}
	log, _ := logged()
	l := &es.Lookout[int]{News: news, Ask: q.ask, Every: time.Second, Log: log}
	return news, start(t, l.Run)
}

func wantAsked(t *testing.T, q *inquiry, want ...string) {
	t.Helper()
	if !slices.Equal(q.asked, want) {
		t.Errorf("asked %q, want %q", q.asked, want)
	}
}

func TestLookoutAsksOneQuestionWhileSomebodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &inquiry{}
		news, stop := q.look(t)
		time.Sleep(2500 * time.Millisecond) // of the bubble's time, as everywhere here
		_, stopA := news.Watch("a")
		_, stopB := news.Watch("b")
		time.Sleep(time.Second)
		stopA()
		time.Sleep(time.Second)
		stopB()
		time.Sleep(3 * time.Second)
		stop()
		wantAsked(t, q, "3 [a b]", "4 [b]")
	})
}

func TestLookoutTellsWhatItFinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &inquiry{answers: map[string]int{"a": 7, "nobody waits for it": 8}}
		news, stop := q.look(t)
		a, stopA := news.Watch("a")
		b, stopB := news.Watch("b")
		defer stopA()
		defer stopB()
		time.Sleep(time.Second + 1)
		wantNews(t, a, 7)
		wantNoNews(t, b)
		stop()
		wantAsked(t, q, "1 [a b]")
	})
}

func TestLookoutAsksAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &inquiry{answers: map[string]int{"a": 7}, broken: []error{errBroken, errBroken}}
		news, stop := q.look(t)
		a, stopA := news.Watch("a")
		defer stopA()
		time.Sleep(2*time.Second + 1)
		wantNoNews(t, a)
		time.Sleep(time.Second)
		wantNews(t, a, 7)
		stop()
		wantAsked(t, q, "1 [a]", "2 [a]", "3 [a]")
	})
}

func TestLookoutStopsInTheMiddleOfAQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, said := logged()
		asking := make(chan struct{})
		l := &es.Lookout[int]{News: &es.Notices[int]{}, Every: time.Second, Log: log,
			Ask: func(ctx context.Context, _ []string) (map[string]int, error) {
				close(asking)
				<-ctx.Done()
				return nil, ctx.Err()
			}}
		_, stopWatch := l.News.Watch("a")
		defer stopWatch()
		stop := start(t, l.Run)
		<-asking
		stop()
		if said.Len() > 0 {
			t.Errorf("logged %q, want nothing", said)
		}
	})
}
