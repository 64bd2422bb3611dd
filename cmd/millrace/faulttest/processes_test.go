package faulttest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

func TestTheRelayThatLeadsSleepsThroughItsLease(t *testing.T) {
	s := newStage(t, "mariadb")
	s.open(split...)
	for range atLength(3, 10) {
		was, before := s.relayLease(), s.head()
		s.awaitAppend()
		was.leader.Signal(t, syscall.SIGSTOP)
		asleep := time.Now()
		s.await(2*patience, func() error {
			if now := s.relayLease(); now.epoch == was.epoch || s.head() < before+100 {
				return fmt.Errorf("the lease is at epoch %d and the feed at %d, after %d and %d", now.epoch, s.head(), was.epoch, before)
			}
			return nil
		})
		t.Logf("another relay has taken over after %v", time.Since(asleep).Round(time.Millisecond))
		last, enough := s.relayLease(), s.answers().accepted()+crowd
		was.leader.Signal(t, syscall.SIGCONT)
		s.await(2*patience, func() error {
			now := s.relayLease()
			if now.epoch != last.epoch && now.taken().Before(last.until) { // who is slow may lose it in time
				t.Errorf("the lease passed from epoch %d to %d at %v at the latest, and was not over before %v",
					last.epoch, now.epoch, now.taken(), last.until)
			}
			last = now
			if n := s.answers().accepted(); n < enough {
				return fmt.Errorf("only %d of %d writes were accepted", n, enough)
			}
			return nil
		})
	}
	s.settle(mended{scenario: "the leading relay sleeps", since: time.Now(), within: soon})
}

// lease is who leads, and until when unless that is extended.
type lease struct {
	leader *fleet.Process
	epoch  int64
	until  time.Time // by the clock of the database
}

// taken is when the lease was taken, or extended last.
func (l lease) taken() time.Time { return l.until.Add(-leaseTime) }

// relayLease returns the lease of the relay that leads.
func (s *stage) relayLease() (l lease) {
	s.Helper()
	var holder string
	var until int64
	err := s.db.QueryRow("SELECT holder, epoch, expires_at FROM leases WHERE name = 'relay'").Scan(&holder, &l.epoch, &until)
	if err != nil {
		s.Fatal(err)
	}
	l.until = time.UnixMicro(until)
	for _, p := range s.fleet.All() {
		if strings.Contains(holder, "/"+strconv.Itoa(p.Pid())+"/") {
			l.leader = p
			return l
		}
	}
	s.Fatalf("nobody has the lease of %s", holder)
	return l
}

// awaitAppend returns while the relay is at work, most likely, so that it stands
// still between reading the outbox and writing the feed.
func (s *stage) awaitAppend() {
	s.Helper()
	for waiting, enough := 0, time.Now().Add(patience); waiting == 0; {
		if err := s.db.QueryRow("SELECT COUNT(*) FROM outbox").Scan(&waiting); err != nil {
			s.Fatal(err)
		}
		if time.Now().After(enough) {
			s.Fatal("nothing comes into the outbox")
		}
	}
}

// head is how far the feed goes.
func (s *stage) head() (position int64) {
	s.Helper()
	if err := s.db.QueryRow("SELECT COALESCE(MAX(position), 0) FROM feed").Scan(&position); err != nil {
		s.Fatal(err)
	}
	return position
}

func TestProcessesAreKilledUnderLoad(t *testing.T) {
	s := newStage(t, "mariadb")
	s.open(split...)
	kills := atLength(8, 30)
	killed := map[string]int{}
	for range kills {
		slot := rand.IntN(len(split))
		p := s.fleet.All()[slot]
		p.Kill()
		killed[p.Name]++
		s.fleet.Again(slot)
		// Not always until it is ready: some die on the way.
		select {
		case <-s.fleet.All()[slot].Ready:
		case <-time.After(time.Duration(rand.Int64N(int64(2 * time.Second)))):
		}
	}
	s.fleet.AwaitReady()
	t.Logf("killed %v", killed)
	s.settle(mended{scenario: fmt.Sprintf("%d kills of processes", kills), since: time.Now(), within: soon, cuts: true})
}

func TestFourOfEachRoleShareTheWork(t *testing.T) {
	onlyInFull(t)
	workers := []string{"commands", everythingElse, "relay"}
	s := newStage(t, "mariadb")
	s.open(append([]string{"api"}, workers...)...)
	for range 3 {
		s.fleet.Start(s.runs(workers...)...)
	}
	s.fleet.AwaitReady()
	s.awaitAccepted(20 * crowd)
	for _, p := range s.fleet.All() {
		if p.Name == "api" || p.Name == "relay" { // of the relays one leads
			continue
		}
		n, err := handled(p)
		t.Logf("the process %q has handled %.0f messages", p.Name, n)
		if err != nil || n == 0 {
			t.Errorf("the process %q has handled nothing (%v)", p.Name, err)
		}
	}
	s.settle(mended{scenario: "1 and then 4 of each role", since: time.Now(), within: soon})
}

// handled is how many messages a process has worked on.
func handled(p *fleet.Process) (n float64, err error) {
	response, err := http.Get(p.Admin() + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), " "); strings.HasPrefix(name, "millrace_handler_seconds_count") {
			count, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			n += count
		}
	}
	return n, nil
}
