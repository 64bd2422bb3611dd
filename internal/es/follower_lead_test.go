package es_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

func TestFollowerTriesWhatFailsAfterGrowingPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a", "b"}, catchUps: []error{
			errBroken, nil, errBroken, errBroken, errBroken, errBroken, errBroken, errBroken,
		}}
		y.follow(t, 260*time.Second, 7,
			"0 catch up with a: broken", "0 catch up with b: <nil>", "5 catch up with a: broken",
			"15 catch up with a: broken", "35 catch up with a: broken", "75 catch up with a: broken",
			"135 catch up with a: broken", "195 catch up with a: broken", "255 catch up with a: <nil>", "255 reached 2: <nil>")
	})
}

func TestFollowerForgetsFailuresWithSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a"}, opened: time.Now(), seen: map[string]bool{}}
		var tries []time.Duration
		log, _ := logged()
		f := &es.Follower{Name: "views", Progress: y, Feed: y, Leader: y.leader(), Every: 5 * time.Second, Log: log,
			CatchUp: func(context.Context, string) error {
				tries = append(tries, time.Since(y.opened))
				switch len(tries) {
				case 3: // now it succeeds, and something else happens to it
					y.feed = append(y.feed, "a")
				case 5:
					y.seen["a"] = true
				default:
					return errBroken
				}
				return nil
			}}
		stop := start(t, f.Run)
		time.Sleep(time.Minute) // of the bubble's time, as everywhere here
		stop()
		want := []time.Duration{0, 5 * time.Second, 15 * time.Second, 20 * time.Second, 25 * time.Second}
		if !slices.Equal(tries, want) || y.checkpoint != 2 {
			t.Errorf("tried after %v and reached %d, want %v and 2", tries, y.checkpoint, want)
		}
	})
}

// A panic of one aggregate's is a failure of that one alone.
func TestFollowerGoesOnBehindAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a", "b"}, seen: map[string]bool{}}
		var got []string
		log, said := logged()
		f := &es.Follower{Name: "views", Progress: y, Feed: y, Leader: y.leader(), Every: 5 * time.Second, Log: log,
			CatchUp: func(_ context.Context, id string) error {
				got = append(got, id)
				if len(got) == 1 {
					panic(errBroken)
				}
				return nil
			}}
		stop := start(t, f.Run)
		time.Sleep(6 * time.Second)
		stop()
		if want := []string{"a", "b", "a"}; !slices.Equal(got, want) || y.checkpoint != 2 {
			t.Errorf("tried %v and reached %d, want %v and 2", got, y.checkpoint, want)
		}
		if !strings.Contains(said.String(), "panic: broken") {
			t.Errorf("logged %q, want the panic", said)
		}
	})
}

func TestFollowerBeginsAtTheCheckpointThatIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a", "b", "c"}, checkpoint: 2}
		y.follow(t, time.Second, 0, "0 catch up with c: <nil>", "0 reached 3: <nil>")
	})
}

func TestFollowerWaitsQuietlyForItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a"}, leases: []error{es.ErrFenced, es.ErrFenced}}
		y.follow(t, 11*time.Second, 0, "10 catch up with a: <nil>", "10 reached 1: <nil>")
	})
}

func TestFollowerWarnsWhenItCannotAskForItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a"}, leases: []error{errBroken}}
		y.follow(t, 6*time.Second, 1, "5 catch up with a: <nil>", "5 reached 1: <nil>")
	})
}

// Whoever has led in between may have got further, and has its own failures.
func TestFollowerThatWasFencedStopsAndBeginsWhereTheOtherHasGot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a", "b", "c", "d"}, stretch: 1, moves: []error{nil, es.ErrFenced}, elsewhere: 3}
		y.follow(t, 11*time.Second, 0,
			"0 catch up with a: <nil>", "0 reached 1: <nil>", "0 catch up with b: <nil>",
			"0 reached 2: the lease is held by somebody else",
			"5 catch up with d: <nil>", "5 reached 4: <nil>")
	})
}

func TestFollowerForgetsFailuresWithItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a"}, opened: time.Now()}
		leader := y.leader()
		leader.TTL = 12 * time.Second // it asks every 5 seconds
		var tries []time.Duration
		log, _ := logged()
		f := &es.Follower{Name: "views", Progress: y, Feed: y, Leader: leader, Every: 5 * time.Second, Log: log,
			CatchUp: func(context.Context, string) error {
				if tries = append(tries, time.Since(y.opened)); len(tries) == 3 {
					y.epoch, y.checkpoint = 2, 1 // somebody else has led and has got past it
				}
				return errBroken
			}}
		stop := start(t, f.Run)
		time.Sleep(10 * time.Minute)
		stop()
		if want := []time.Duration{0, 5 * time.Second, 15 * time.Second}; !slices.Equal(tries, want) {
			t.Errorf("tried after %v, want %v", tries, want)
		}
	})
}

func TestFollowersTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			mu   sync.Mutex
			o    = &office{opened: time.Now()}
			done []string
		)
		run := func(who string) (stop func()) {
			y := &trail{feed: []string{"a"}, opened: time.Now(), seen: map[string]bool{}}
			log, said := logged()
			f := &es.Follower{Name: "views", Progress: y, Feed: y, Leader: o.leader(who), Every: 5 * time.Second, Log: log,
				CatchUp: func(context.Context, string) error {
					mu.Lock()
					defer mu.Unlock()
					done = append(done, who)
					return nil
				}}
			stopRun := start(t, f.Run)
			return func() {
				stopRun()
				if said.Len() > 0 {
					t.Errorf("%s logged %q, want nothing", who, said)
				}
			}
		}
		wantDone := func(want ...string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(done, want) {
				t.Errorf("the work was done by %v, want %v", done, want)
			}
		}
		stopFirst := run("first")
		time.Sleep(time.Second)
		stopSecond := run("second")
		time.Sleep(time.Minute)
		wantDone("first")
		stopFirst()
		time.Sleep(6 * time.Second) // much less than the lease would last
		wantDone("first", "second")
		stopSecond()
	})
}
