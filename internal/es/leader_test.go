package es_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// office hands out one lease as a store does, and writes down who asked for it.
type office struct {
	opened time.Time
	slow   time.Duration // how long an answer takes
	broken []error       // what the next questions return, nil once they run out

	mu    sync.Mutex
	lease es.Lease
	until time.Time
	diary []string
}

// Acquire implements es.Leases.
func (o *office) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (es.Lease, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.diary = append(o.diary, fmt.Sprintf("%v %s for %s", time.Since(o.opened).Seconds(), holder, ttl))
	if o.slow > 0 {
		select {
		case <-time.After(o.slow): // of the bubble's time
		case <-ctx.Done():
		}
	}
	if err := errors.Join(next(&o.broken), ctx.Err()); err != nil {
		return es.Lease{}, err
	}
	if o.lease.Holder != holder && time.Now().Before(o.until) {
		return es.Lease{}, es.ErrFenced
	}
	if o.lease.Holder != holder {
		o.lease = es.Lease{Name: name, Holder: holder, Epoch: o.lease.Epoch + 1}
	}
	o.until = time.Now().Add(ttl)
	return o.lease, nil
}

// leader returns somebody who may lead for 30 seconds.
func (o *office) leader(holder string) *es.Leader {
	return &es.Leader{Leases: o, Name: "job", Holder: holder, TTL: 30 * time.Second}
}

// wantDiary wants these questions to have been asked since the last time.
func (o *office) wantDiary(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.diary, want) {
		t.Errorf("asked\n\t%s\nwant\n\t%s", strings.Join(o.diary, "\n\t"), strings.Join(want, "\n\t"))
	}
	o.diary = nil
}

// wantLead lets somebody lead, and wants it to have a lease of an epoch, or the
// error given.
func wantLead(t *testing.T, l *es.Leader, epoch int64, want error) {
	t.Helper()
	lease, err := l.Lead(t.Context())
	if !errors.Is(err, want) || lease.Epoch != epoch {
		t.Errorf("got epoch %d, %v, want %d, %v", lease.Epoch, err, epoch, want)
	}
	if err != nil && !strings.Contains(err.Error(), "job") {
		t.Errorf("the error is %q, want it to name the lease", err)
	}
}

func TestLeaderExtendsItsLeaseAfterAThirdOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{opened: time.Now()}
		me := o.leader("me")
		for range 3 {
			wantLead(t, me, 1, nil)
			time.Sleep(5 * time.Second) // of the bubble's time, as everywhere here
		}
		o.wantDiary(t, "0 me for 30s")
		wantLead(t, me, 1, nil)
		o.wantDiary(t, "15 me for 30s")
		time.Sleep(10*time.Second + 1)
		wantLead(t, me, 1, nil)
		o.wantDiary(t, "25.000000001 me for 30s")
	})
}

// A lease runs from when the store wrote it down, which is no sooner than it was
// asked for.
func TestLeaderCountsFromWhenItAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{opened: time.Now(), slow: 9 * time.Second}
		me := o.leader("me")
		wantLead(t, me, 1, nil)
		time.Sleep(2 * time.Second)
		wantLead(t, me, 1, nil)
		o.wantDiary(t, "0 me for 30s", "11 me for 30s")
	})
}

func TestLeaderIsFencedWhileSomebodyElseLeads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{opened: time.Now()}
		wantLead(t, o.leader("other"), 1, nil)
		me := o.leader("me")
		wantLead(t, me, 0, es.ErrFenced)
		time.Sleep(29 * time.Second)
		wantLead(t, me, 0, es.ErrFenced)
		time.Sleep(time.Second)
		wantLead(t, me, 2, nil)
		o.wantDiary(t, "0 other for 30s", "0 me for 30s", "29 me for 30s", "30 me for 30s")
	})
}

func TestLeaderThatCannotExtendItsLeaseDoesNotLead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{opened: time.Now(), broken: []error{nil, errBroken}}
		me := o.leader("me")
		wantLead(t, me, 1, nil)
		time.Sleep(11 * time.Second)
		wantLead(t, me, 0, errBroken)
		wantLead(t, me, 1, nil)
		o.wantDiary(t, "0 me for 30s", "11 me for 30s", "11 me for 30s")
	})
}

func TestLeaderInDoubtAsksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{opened: time.Now()}
		me := o.leader("me")
		wantLead(t, me, 1, nil)
		me.Doubt()
		wantLead(t, me, 1, nil)
		wantLead(t, me, 1, nil)
		o.wantDiary(t, "0 me for 30s", "0 me for 30s")
	})
}

func TestLeaderThatLeavesMakesRoomAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{opened: time.Now()}
		me, other := o.leader("me"), o.leader("other")
		wantLead(t, me, 1, nil)
		over, cancel := context.WithCancel(t.Context())
		cancel() // as it is at the end
		me.Leave(over)
		wantLead(t, other, 2, nil)
		wantLead(t, me, 0, es.ErrFenced)
		o.wantDiary(t, "0 me for 30s", "0 me for 0s", "0 other for 30s", "0 me for 30s")
	})
}

func TestLeaderGivesUpOnlyWhatItHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{opened: time.Now()}
		me, other := o.leader("me"), o.leader("other")
		me.Leave(t.Context())
		wantLead(t, me, 1, nil)
		time.Sleep(30 * time.Second)
		wantLead(t, other, 2, nil)
		wantLead(t, me, 0, es.ErrFenced)
		me.Leave(t.Context())
		other.Leave(t.Context())
		other.Leave(t.Context())
		o.wantDiary(t, "0 me for 30s", "30 other for 30s", "30 me for 30s", "30 other for 0s")
	})
}

func TestLeaderDoesNotWaitLongForAStoreThatHangsWhenItLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{opened: time.Now()}
		me := o.leader("me")
		wantLead(t, me, 1, nil)
		o.slow = time.Hour
		me.Leave(t.Context())
		if took := time.Since(o.opened); took != time.Second {
			t.Errorf("leaving took %s, want 1s", took)
		}
	})
}
