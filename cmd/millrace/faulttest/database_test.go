package faulttest

import (
	"fmt"
	"testing"
	"time"
)

func TestTheDatabaseIsKilledUnderLoad(t *testing.T) {
	onlyInFull(t)
	for _, server := range []string{"mariadb", "mysql"} {
		t.Run(server, func(t *testing.T) {
			s := newStage(t, server)
			s.open(split...)
			s.store.Kill()
			s.awaitRefused(crowd)
			s.store.Start()
			back := time.Now()
			s.awaitRecovery(back)
			s.settle(mended{scenario: server + " is killed and started", since: back, within: soon, refuses: true})
		})
	}
}

func TestTheDatabaseStandsStillUnderLoad(t *testing.T) {
	s := newStage(t, "mariadb")
	s.open(split...)
	s.store.Stop()
	hold(atLength(18*time.Second, 30*time.Second)) // a write may be tried for 15 before it is refused
	s.awaitRefused(1)
	s.store.Continue()
	back := time.Now()
	s.awaitRecovery(back)
	s.settle(mended{scenario: "mariadb stands still", since: back, within: soon, refuses: true})
}

// awaitRefused waits until so many requests were answered with 503.
func (s *stage) awaitRefused(n int) {
	s.Helper()
	s.await(2*patience, func() error {
		if a := s.answers(); a.unavailable < n {
			return fmt.Errorf("only %d requests were refused", a.unavailable)
		}
		return nil
	})
}

// awaitRecovery fails the test unless a write succeeds within 5 seconds.
func (s *stage) awaitRecovery(back time.Time) {
	s.Helper()
	s.await(2*patience, func() error {
		if s.answers().lastGood.Before(back) {
			return fmt.Errorf("no write has succeeded since the database is back")
		}
		return nil
	})
	if took := time.Since(back); took > 5*time.Second {
		s.Errorf("the first write succeeded %v after the database was back, want 5s at most", took)
	} else {
		s.Logf("the first write succeeded %v after the database was back", took.Round(time.Millisecond))
	}
}
