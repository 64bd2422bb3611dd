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
		leader, epoch := s.leadingRelay()
		before := s.head()
		s.awaitAppend()
		leader.Signal(t, syscall.SIGSTOP)
		asleep := time.Now()
		s.await(2*patience, func() error {
			if _, now := s.leadingRelay(); now == epoch || s.head() < before+100 {
				return fmt.Errorf("the lease is at epoch %d and the feed at %d, after %d and %d", now, s.head(), epoch, before)
			}
			return nil
		})
		t.Logf("another relay has taken over after %v", time.Since(asleep).Round(time.Millisecond))
		_, epoch = s.leadingRelay()
		leader.Signal(t, syscall.SIGCONT)
		s.awaitAccepted(crowd)
		if now, e := s.leadingRelay(); now == leader { // a third may lead where the second is slow
			t.Errorf("the relay that slept leads again, at epoch %d after %d", e, epoch)
		}
	}
	s.settle(mended{scenario: "the leading relay sleeps", since: time.Now(), within: soon})
}

// leadingRelay returns the process that holds the relay's lease, and its epoch.
func (s *stage) leadingRelay() (leader *fleet.Process, epoch int64) {
	s.Helper()
	var holder string
	if err := s.db.QueryRow("SELECT holder, epoch FROM leases WHERE name = 'relay'").Scan(&holder, &epoch); err != nil {
		s.Fatal(err)
	}
	for _, p := range s.fleet.All() {
		if strings.Contains(holder, "/"+strconv.Itoa(p.Pid())+"/") {
			return p, epoch
		}
	}
	s.Fatalf("nobody has the lease of %s", holder)
	return nil, 0
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
