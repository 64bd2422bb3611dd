package crashtest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

// patience is how long anything that is waited for may take.
const patience = 20 * time.Second

// service is the binary on one database file, through all its lives.
type service struct {
	t      *testing.T
	file   string
	ledger string // of the payment gateway, another file
	log    fleet.Log

	mu      sync.Mutex
	current *life
	born    chan struct{} // closed when another life begins
	lives   int
}

// life is one run of the binary.
type life struct {
	*fleet.Process
	number int
}

// newService returns a service without a database file, and sees to it that no
// life outlives the test.
func newService(t *testing.T) *service {
	dir := t.TempDir()
	s := &service{
		t: t, file: filepath.Join(dir, "millrace.db"), ledger: filepath.Join(dir, "gateway.db"), born: make(chan struct{}),
	}
	t.Cleanup(func() {
		if l := s.life(); l != nil {
			l.Kill()
		}
		if tail := s.log.Tail(4_000); t.Failed() && tail != "" {
			t.Logf("the service's log ends with\n%s", tail)
		}
	})
	return s
}

// start begins another life. It dies at the crash point, unless that is empty.
func (s *service) start(crashAt string) *life {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives++
	s.current = &life{number: s.lives, Process: fleet.Start(s.t, fleet.Run{
		Binary: binary, Name: fmt.Sprint("life ", s.lives), Log: &s.log,
		Settings: []string{
			"MILLRACE_STORE=sqlite:" + s.file, "MILLRACE_GATEWAY=simulator:" + s.ledger, "MILLRACE_SLOW_PAYMENT=40ms",
			"MILLRACE_SOLD_OUT=" + soldOut, "MILLRACE_PAYMENT_TIMEOUT=" + patienceOfOrders.Payment.String(),
			"MILLRACE_RESTAURANT_TIMEOUT=" + patienceOfOrders.Restaurant.String(),
			"MILLRACE_CUSTOMER_TIMEOUT=" + patienceOfOrders.Customer.String(),
			"MILLRACE_BACKOFF=10ms", "MILLRACE_CRASH_AT=" + crashAt,
		},
	})}
	close(s.born)
	s.born = make(chan struct{})
	return s.current
}

func (s *service) life() *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// after waits for a life that comes after the one with a number and is ready.
func (s *service) after(ctx context.Context, number int) (*life, error) {
	for {
		s.mu.Lock()
		l, born := s.current, s.born
		s.mu.Unlock()
		if l != nil && l.number > number {
			select {
			case <-l.Ready:
				return l, nil
			case <-born:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		select {
		case <-born:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// kill ends a life the hard way and fails the test if it ended by itself.
func (l *life) kill(t *testing.T) {
	t.Helper()
	select {
	case <-l.Gone:
		t.Fatalf("life %d ended by itself: %v", l.number, l.Err())
	default:
	}
	l.Kill()
}

// troubles returns the lines of a log that tell of trouble.
func troubles(log string) (lines []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "panic") {
			lines = append(lines, line)
		}
	}
	return lines
}
