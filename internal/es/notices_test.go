package es_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

func TestNoticesHoldTheLatestNews(t *testing.T) {
	t.Parallel()
	var n es.Notices[int]
	news, stop := n.Watch("a")
	defer stop()
	for i := range 4 {
		n.Post("a", i)
	}
	wantNews(t, news, 3)
	n.Post("a", 9)
	wantNews(t, news, 9)
}

func TestNoticesReachEveryWatchOfTheKeyAndNoOther(t *testing.T) {
	t.Parallel()
	var n es.Notices[int]
	n.Post("a", 1) // nobody is there yet
	first, stopFirst := n.Watch("a")
	second, stopSecond := n.Watch("a")
	other, stopOther := n.Watch("b")
	defer stopFirst()
	defer stopSecond()
	defer stopOther()
	n.Post("a", 2)
	wantNews(t, first, 2)
	wantNews(t, second, 2)
	wantNoNews(t, other)
}

func TestNoticesEndWithTheWatch(t *testing.T) {
	t.Parallel()
	var n es.Notices[int]
	ended, stopEnded := n.Watch("a")
	lasting, stopLasting := n.Watch("a")
	stopEnded()
	stopEnded() // a second time does no harm
	n.Post("a", 1)
	wantNoNews(t, ended)
	wantNews(t, lasting, 1)
	stopLasting()
	if got := len(n.Keys()); got != 0 {
		t.Errorf("%d keys are still watched, want none", got)
	}
}

func TestNoticesRememberNothingWhenManyHaveComeAndGone(t *testing.T) {
	t.Parallel()
	var (
		n  es.Notices[int]
		wg sync.WaitGroup
	)
	for i := range 200 {
		wg.Go(func() {
			key := fmt.Sprint(i % 5)
			news, stop := n.Watch(key)
			defer stop()
			n.Post(key, i)
			<-news // from here or from a neighbour, but never nothing
		})
	}
	wg.Wait()
	if got := len(n.Keys()); got != 0 {
		t.Errorf("%d keys are still watched, want none", got)
	}
}

func wantNews(t *testing.T, news <-chan int, want int) {
	t.Helper()
	select {
	case got := <-news:
		if got != want {
			t.Errorf("the news is %d, want %d", got, want)
		}
	default:
		t.Errorf("there is no news, want %d", want)
	}
}

func wantNoNews(t *testing.T, news <-chan int) {
	t.Helper()
	select {
	case got := <-news:
		t.Errorf("the news is %d, want none", got)
	default:
	}
}
