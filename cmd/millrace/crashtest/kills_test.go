package crashtest

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Kinds of kills, by when they come.
const (
	beforeReady = "before ready"
	justReady   = "within 50ms of ready"
	underLoad   = "under load"
)

// moment draws when to kill a life: its kind, and how long after the start or
// after the life is ready. The first ones hit a database that is being made.
func moment(kill int) (kind string, delay time.Duration) {
	upTo := func(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d))) }
	switch {
	case kill < 5 || kill%5 == 3:
		return beforeReady, upTo(40 * time.Millisecond)
	case kill%5 == 1:
		return justReady, upTo(50 * time.Millisecond)
	}
	return underLoad, 50*time.Millisecond + upTo(500*time.Millisecond)
}

// Not parallel: the kills are to meet a service that has the machine to itself.
func TestNothingIsLostOrDoubledByManyKills(t *testing.T) {
	const checkEvery = 50
	began := time.Now()
	s := newService(t)
	c := newCustomers(t, s, 16, 0, stories)
	killed := map[string]int{}
	var slowest time.Duration // until a life was ready
	for kill := range *kills {
		l := s.start("")
		kind, delay := moment(kill)
		ready := l.Ready
		if kind != beforeReady {
			l.AwaitReady(t)
			ready = nil // it is no news any more
			slowest = max(slowest, l.UntilReady())
		}
		select {
		case <-time.After(delay):
		case <-ready: // at the last moment
		case <-l.Gone: // kill says so
		}
		l.kill(t)
		killed[kind]++
		if kill%checkEvery == checkEvery-1 {
			report(t, "after a kill", c.book().brokenPromises())
		}
		if t.Failed() {
			break
		}
	}
	accepted := c.decided.Load()
	close(c.enough)
	l := s.start("")
	l.AwaitReady(t)
	c.settle(l, 50, 100)

	b := c.book()
	outcomes := map[string]int{}
	for _, o := range b.outcomes {
		outcomes[o.status]++
	}
	t.Logf("%d kills (%v), %d restarts, %d commands journaled, %d of them answered to customers between kills, outcomes %v, %d events, %d orders, slowest start %v, took %v",
		*kills, killed, s.lives-1, len(b.commands), accepted, outcomes, len(b.feed), b.count("order"),
		slowest.Round(time.Millisecond), time.Since(began).Round(time.Second))
	t.Logf("warnings: %v", warnings(s.log.String()))
}

// A migration that is torn off is to be finished by the next start.
func TestTheFirstStartSurvivesKills(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := newService(t)
		for range 3 {
			l := s.start("")
			select {
			case <-time.After(time.Duration(rand.Int64N(int64(40 * time.Millisecond)))):
			case <-l.Ready:
			case <-l.Gone:
			}
			l.kill(t)
		}
		l := s.start("")
		l.AwaitReady(t)
		l.Stop(t)
		b, err := readBook(s.file, s.ledger)
		if err != nil {
			t.Fatal(err)
		}
		report(t, "promised", b.brokenPromises())
	}
}

// warnings counts what a log warns of.
func warnings(log string) map[string]int {
	count := map[string]int{}
	for line := range strings.Lines(log) {
		if _, after, found := strings.Cut(line, "level=WARN "); found {
			what, _, _ := strings.Cut(strings.TrimSpace(after), " err=")
			count[what]++
		}
	}
	return count
}
