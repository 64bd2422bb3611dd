package es_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// trail is a feed and the progress of a follower in it. Every position of the
// feed holds one aggregate, and what has been seen of it is in seen.
type trail struct {
	opened     time.Time
	feed       []string    // the aggregate at each position
	late       []string    // what the feed grows by after a second
	stuck      es.Position // where a gap keeps the checkpoint, 0 for nowhere
	stretch    int         // the most positions to look at, 0 for as many as asked for
	checkpoint es.Position
	epoch      int64       // of the lease, 0 for the first
	elsewhere  es.Position // how far somebody else gets once the lease has passed on
	seen       map[string]bool
	diary      []string

	heads, looks, catchUps, moves, leases []error // what the next calls return, nil once they run out
}

func (y *trail) note(format string, args ...any) {
	y.diary = append(y.diary, fmt.Sprintf("%v ", time.Since(y.opened).Seconds())+fmt.Sprintf(format, args...))
}

func (y *trail) Head(context.Context) (es.Position, error) {
	if time.Since(y.opened) >= time.Second {
		y.feed, y.late = append(y.feed, y.late...), nil
	}
	return es.Position(len(y.feed)), next(&y.heads)
}

// Feed implements es.Feed; a follower never reads the records.
func (y *trail) Feed(context.Context, es.Position, int) ([]es.FeedRecord, error) {
	return nil, errBroken
}

// Acquire implements es.Leases.
func (y *trail) Acquire(_ context.Context, name, holder string, ttl time.Duration) (es.Lease, error) {
	return es.Lease{Name: name, Holder: holder, Epoch: max(y.epoch, 1)}, next(&y.leases)
}

// leader returns who leads the follower.
func (y *trail) leader() *es.Leader {
	return &es.Leader{Leases: y, Name: "follow views", Holder: "me", TTL: time.Hour}
}

func (y *trail) Checkpoint(context.Context) (es.Position, error) { return y.checkpoint, nil }

func (y *trail) Behind(_ context.Context, after, end es.Position, limit int) (ids []string, upTo es.Position, err error) {
	if y.stretch > 0 {
		limit = y.stretch
	}
	upTo = min(end, after+es.Position(limit))
	if y.stuck > 0 {
		upTo = min(upTo, y.stuck)
	}
	for _, id := range y.feed[after:upTo] {
		if !y.seen[id] && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, upTo, next(&y.looks)
}

func (y *trail) Reached(_ context.Context, _ es.Lease, p es.Position) error {
	err := next(&y.moves)
	if p != y.checkpoint {
		y.note("reached %d: %v", p, err)
	}
	switch {
	case err == nil:
		y.checkpoint = p
	case errors.Is(err, es.ErrFenced):
		y.epoch, y.checkpoint = y.epoch+2, max(y.checkpoint, y.elsewhere)
	}
	return err
}

func (y *trail) catchUp(_ context.Context, id string) error {
	err := next(&y.catchUps)
	y.note("catch up with %s: %v", id, err)
	y.seen[id] = err == nil
	return err
}

// follow runs a follower that looks every 5 seconds for some time, and wants
// this diary and this many warnings.
func (y *trail) follow(t *testing.T, long time.Duration, warnings int, want ...string) {
	t.Helper()
	y.opened, y.seen = time.Now(), map[string]bool{}
	log, said := logged()
	f := &es.Follower{Name: "views", Progress: y, Feed: y, Leader: y.leader(), CatchUp: y.catchUp, Every: 5 * time.Second, Log: log}
	stop := start(t, f.Run)
	time.Sleep(long) // of the bubble's time
	stop()
	if !slices.Equal(y.diary, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(y.diary, "\n\t"), strings.Join(want, "\n\t"))
	}
	if got := strings.Count(said.String(), "level=WARN"); got != warnings {
		t.Errorf("logged %d warnings, want %d:\n%s", got, warnings, said)
	}
}

func TestFollowerCatchesUpWithEverythingAtTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a", "b", "a", "c"}, stretch: 3}
		y.follow(t, time.Second, 0,
			"0 catch up with a: <nil>", "0 catch up with b: <nil>", "0 reached 3: <nil>",
			"0 catch up with c: <nil>", "0 reached 4: <nil>")
	})
}

func TestFollowerLeavesFreshEventsToTheirMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a"}, late: []string{"b"}}
		// At 5 seconds b may still be on its way; at 10 it has had its time.
		y.follow(t, 11*time.Second, 0,
			"0 catch up with a: <nil>", "0 reached 1: <nil>", "10 catch up with b: <nil>", "10 reached 2: <nil>")
	})
}

func TestFollowerMovesItsCheckpointOnlyOverWhatWasSeen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		trail trail
		want  []string
	}{
		"when catching up breaks": {trail{catchUps: []error{nil, errBroken}}, []string{
			"0 catch up with a: <nil>", "0 catch up with b: broken", "5 catch up with b: <nil>", "5 reached 2: <nil>",
		}},
		"when the checkpoint cannot be moved": {trail{moves: []error{errBroken}}, []string{
			"0 catch up with a: <nil>", "0 catch up with b: <nil>", "0 reached 2: broken", "5 reached 2: <nil>",
		}},
		"when the progress cannot be read": {trail{looks: []error{errBroken}}, []string{
			"5 catch up with a: <nil>", "5 catch up with b: <nil>", "5 reached 2: <nil>",
		}},
		"when the feed cannot be read": {trail{heads: []error{errBroken}}, []string{
			"5 catch up with a: <nil>", "5 catch up with b: <nil>", "5 reached 2: <nil>",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				y := test.trail
				y.feed = []string{"a", "b"}
				y.follow(t, 6*time.Second, 1, test.want...)
			})
		})
	}
}

func TestFollowerGoesOnBehindWhatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a", "b", "c"}, stretch: 1, catchUps: []error{errBroken}}
		y.follow(t, 6*time.Second, 1,
			"0 catch up with a: broken", "0 catch up with b: <nil>", "0 catch up with c: <nil>",
			"5 catch up with a: <nil>", "5 reached 3: <nil>")
	})
}

func TestFollowerCatchesUpWithSeveralAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a", "b", "c", "d", "e"}, seen: map[string]bool{}}
		log, _ := logged()
		var atWork, most atomic.Int32
		f := &es.Follower{Name: "views", Progress: y, Feed: y, Leader: y.leader(), Every: time.Hour, Concurrency: 3, Log: log,
			CatchUp: func(context.Context, string) error {
				for n := atWork.Add(1); n > most.Load(); {
					most.Store(n)
				}
				time.Sleep(time.Second) // of the bubble's time
				atWork.Add(-1)
				return nil
			}}
		stop := start(t, f.Run)
		time.Sleep(time.Minute)
		stop()
		if most.Load() != 3 || y.checkpoint != 5 {
			t.Errorf("%d at a time, as far as %d, want 3 and 5", most.Load(), y.checkpoint)
		}
	})
}

func TestFollowerWaitsWhereTheFeedGoesNoFurther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a", "b", "c"}, stuck: 2}
		y.follow(t, 6*time.Second, 0, "0 catch up with a: <nil>", "0 catch up with b: <nil>", "0 reached 2: <nil>")
	})
}

func TestFollowerStopsQuietlyInTheMiddleOfCatchingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &trail{feed: []string{"a"}}
		log, said := logged()
		f := &es.Follower{Name: "views", Progress: y, Feed: y, Leader: y.leader(), Every: 5 * time.Second, Log: log,
			CatchUp: func(ctx context.Context, _ string) error { <-ctx.Done(); return errBroken }}
		stop := start(t, f.Run)
		synctest.Wait()
		stop()
		if y.checkpoint != 0 || said.Len() > 0 {
			t.Errorf("reached %d and logged %q, want to stay at 0 and be quiet", y.checkpoint, said)
		}
	})
}
