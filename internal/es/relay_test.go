package es_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// yard is an outbox, its leases, a broker and a diary of what happened to them,
// each line with the seconds since the yard opened.
type yard struct {
	opened  time.Time
	pending []es.Pending
	diary   []string
	left    int // how often the lease was given up

	leases, reads, publishes, forwards []error // what the next calls return, nil once they run out
}

func (y *yard) note(format string, args ...any) {
	y.diary = append(y.diary, fmt.Sprintf("%v ", time.Since(y.opened).Seconds())+fmt.Sprintf(format, args...))
}

// next takes the next of the answers that were prepared.
func next(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

func (y *yard) Acquire(_ context.Context, name, holder string, ttl time.Duration) (es.Lease, error) {
	if ttl == 0 {
		y.left++
		return es.Lease{}, nil
	}
	err := next(&y.leases)
	y.note("lease %s for %s: %v", name, holder, err)
	return es.Lease{Name: name, Holder: holder, Epoch: int64(len(y.diary))}, err
}

func (y *yard) Pending(context.Context, int) ([]es.Pending, error) {
	return slices.Clone(y.pending), next(&y.reads)
}

func (y *yard) Forward(_ context.Context, l es.Lease, published []es.Pending) error {
	err := next(&y.forwards)
	y.note("forward %d: %v", len(published), err)
	if l.Name != "relay" || l.Epoch == 0 {
		y.note("without a lease: %+v", l)
	}
	if err == nil {
		y.pending = slices.DeleteFunc(y.pending, func(p es.Pending) bool {
			return slices.ContainsFunc(published, func(q es.Pending) bool { return q.Seq == p.Seq })
		})
	}
	return err
}

func (y *yard) publish(_ context.Context, records []es.Record) error {
	err := next(&y.publishes)
	var ids []string
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	y.note("publish %s: %v", strings.Join(ids, ""), err)
	return err
}

func newRelay(y *yard, log *slog.Logger) *es.Relay {
	y.opened = time.Now()
	return &es.Relay{
		Outbox: y, Leader: &es.Leader{Leases: y, Name: "relay", Holder: "me", TTL: 30 * time.Second}, Publish: y.publish, Moved: func() { y.note("moved") },
		Log: log, Batch: 10, Idle: time.Second,
	}
}

// twoAppends are an append of two records and one of one.
func twoAppends() []es.Pending {
	r := history(1, 2, 3)
	return []es.Pending{{Seq: 1, Records: r[:2]}, {Seq: 2, Records: r[2:]}}
}

func TestRelayForwardsOnlyWhatTheBrokerHasConfirmed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		yard  yard
		want  []string
		warns int
	}{
		"when all goes well": {
			yard{}, []string{"0 lease relay for me: <nil>", "0 publish abc: <nil>", "0 forward 2: <nil>", "0 moved"}, 0,
		},
		"when the broker is away for a while": {
			yard{publishes: []error{errBroken, errBroken}}, []string{
				"0 lease relay for me: <nil>", "0 publish abc: broken",
				"1 lease relay for me: <nil>", "1 publish abc: broken",
				"2 lease relay for me: <nil>", "2 publish abc: <nil>", "2 forward 2: <nil>", "2 moved",
			}, 2,
		},
		"when the feed cannot be written for a while": {
			yard{forwards: []error{errBroken}}, []string{
				"0 lease relay for me: <nil>", "0 publish abc: <nil>", "0 forward 2: broken",
				"1 lease relay for me: <nil>", "1 publish abc: <nil>", "1 forward 2: <nil>", "1 moved",
			}, 1,
		},
		"when the outbox cannot be read for a while": {
			yard{reads: []error{errBroken}}, []string{
				"0 lease relay for me: <nil>",
				"1 lease relay for me: <nil>", "1 publish abc: <nil>", "1 forward 2: <nil>", "1 moved",
			}, 1,
		},
		"when it slept through its lease": {
			yard{forwards: []error{fmt.Errorf("forward: %w", es.ErrFenced)}, leases: []error{nil, es.ErrFenced}}, []string{
				"0 lease relay for me: <nil>", "0 publish abc: <nil>", "0 forward 2: forward: the lease is held by somebody else",
				"1 lease relay for me: the lease is held by somebody else",
				"2 lease relay for me: <nil>", "2 publish abc: <nil>", "2 forward 2: <nil>", "2 moved",
			}, 0,
		},
		"when somebody else has the lease": {
			yard{leases: []error{es.ErrFenced, es.ErrFenced}}, []string{
				"0 lease relay for me: the lease is held by somebody else",
				"1 lease relay for me: the lease is held by somebody else",
				"2 lease relay for me: <nil>", "2 publish abc: <nil>", "2 forward 2: <nil>", "2 moved",
			}, 0,
		},
		"when leases are out of order": {
			yard{leases: []error{errBroken}}, []string{
				"0 lease relay for me: broken",
				"1 lease relay for me: <nil>", "1 publish abc: <nil>", "1 forward 2: <nil>", "1 moved",
			}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				y := test.yard
				y.pending = twoAppends()
				log, said := logged()
				stop := start(t, newRelay(&y, log).Run)
				time.Sleep(3500 * time.Millisecond) // of the bubble's time
				stop()
				if y.left != 1 {
					t.Errorf("gave the lease up %d times, want once, at the end", y.left)
				}
				if !slices.Equal(y.diary, test.want) {
					t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(y.diary, "\n\t"), strings.Join(test.want, "\n\t"))
				}
				if got := strings.Count(said.String(), "level=WARN"); got != test.warns {
					t.Errorf("logged %d warnings, want %d:\n%s", got, test.warns, said)
				}
			})
		})
	}
}

func TestRelayMakesNoHasteWhileNothingGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := yard{pending: twoAppends(), publishes: slices.Repeat([]error{errBroken}, 100)}
		log, said := logged()
		r := newRelay(&y, log)
		r.Idle = 20 * time.Millisecond
		stop := start(t, r.Run)
		time.Sleep(10 * time.Second) // of the bubble's time
		stop()
		if got := strings.Count(said.String(), "level=WARN"); got < 10 || got > 20 {
			t.Errorf("tried %d times in 10s, want about once a second:\n%s", got, said)
		}
	})
}

func TestRelayWakesUpWhenSomethingIsAppended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y, wake := &yard{}, make(chan struct{}, 1)
		log, _ := logged()
		r := newRelay(y, log)
		r.Wake, r.Idle = wake, 10*time.Second
		stop := start(t, r.Run)
		time.Sleep(2 * time.Second) // of the bubble's time
		synctest.Wait()
		y.pending = twoAppends()
		wake <- struct{}{}
		synctest.Wait()
		stop()
		if want := []string{"0 lease relay for me: <nil>", "2 publish abc: <nil>", "2 forward 2: <nil>", "2 moved"}; !slices.Equal(y.diary, want) {
			t.Errorf("got %q, want %q", y.diary, want)
		}
	})
}

func TestRelayExtendsItsLeaseLongBeforeItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &yard{}
		log, _ := logged()
		stop := start(t, newRelay(y, log).Run)
		time.Sleep(25 * time.Second) // of the bubble's time
		stop()
		// The lease is for 30 seconds; a third of them and one look later it is
		// extended.
		if want := []string{"0 lease relay for me: <nil>", "11 lease relay for me: <nil>", "22 lease relay for me: <nil>"}; !reflect.DeepEqual(y.diary, want) {
			t.Errorf("got %q, want %q", y.diary, want)
		}
	})
}

func TestRelayStopsAtOnceAndQuietly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pending []es.Pending
		publish func(context.Context, []es.Record) error
	}{
		"while it rests": {},
		"while it publishes": {twoAppends(), func(ctx context.Context, _ []es.Record) error {
			<-ctx.Done()
			return errors.New("interrupted")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				y := &yard{pending: test.pending}
				log, said := logged()
				r := newRelay(y, log)
				if test.publish != nil {
					r.Publish = test.publish
				}
				stop := start(t, r.Run)
				synctest.Wait()
				stop()
				if took := time.Since(y.opened); took > 0 || said.Len() > 0 || len(y.pending) != len(test.pending) {
					t.Errorf("stopped after %v, logged %q and left %d pending", took, said, len(y.pending))
				}
			})
		})
	}
}

// Of what was made in another store, that store tells. Here it only gets its place.
func TestRelayForwardsWhatWasImportedAndDoesNotPublishIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		imported []int // of the appends
		want     []string
	}{
		"among others": {[]int{0}, []string{"0 lease relay for me: <nil>", "0 publish c: <nil>", "0 forward 2: <nil>", "0 moved"}},
		"alone":        {[]int{0, 1}, []string{"0 lease relay for me: <nil>", "0 forward 2: <nil>", "0 moved"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				y := yard{pending: twoAppends()}
				for _, i := range test.imported {
					for j := range y.pending[i].Records {
						y.pending[i].Records[j].Metadata.Origin = "another store"
					}
				}
				stop := start(t, newRelay(&y, slog.New(slog.DiscardHandler)).Run)
				time.Sleep(500 * time.Millisecond) // of the bubble's time
				stop()
				if !slices.Equal(y.diary, test.want) {
					t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(y.diary, "\n\t"), strings.Join(test.want, "\n\t"))
				}
			})
		})
	}
}
