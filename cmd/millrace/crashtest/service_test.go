package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything that is waited for may take.
const patience = 20 * time.Second

// service is the binary on one database file, through all its lives.
type service struct {
	t    *testing.T
	file string
	log  logBuffer

	mu      sync.Mutex
	current *life
	born    chan struct{} // closed when another life begins
	lives   int
	slowest time.Duration // the longest time until a life was ready
}

// life is one run of the binary, from its start to its end.
type life struct {
	number  int
	process *os.Process
	started time.Time
	ready   chan struct{} // closed once the life says where it listens
	base    string        // the address of its API, once it is ready
	gone    chan struct{} // closed once it has ended
	err     error         // how it ended
}

// newService returns a service without a database file, and sees to it that no
// life outlives the test.
func newService(t *testing.T) *service {
	s := &service{t: t, file: filepath.Join(t.TempDir(), "millrace.db"), born: make(chan struct{})}
	t.Cleanup(func() {
		if l := s.life(); l != nil {
			l.end()
		}
		if tail := s.log.tail(4_000); t.Failed() && tail != "" {
			t.Logf("the service's log ends with\n%s", tail)
		}
	})
	return s
}

// start begins another life. It dies at the crash point, unless that is empty.
func (s *service) start(crashAt string) *life {
	s.t.Helper()
	cmd := exec.Command(binary, "serve")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MILLRACE_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env,
		"MILLRACE_STORE=sqlite:"+s.file, "MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_ADMIN_ADDR=127.0.0.1:0",
		"MILLRACE_LOG_LEVEL=warn", "MILLRACE_SLOW_PAYMENT=40ms", "MILLRACE_BACKOFF=10ms", "MILLRACE_CRASH_AT="+crashAt,
	)
	cmd.Stderr = &s.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives++
	l := &life{number: s.lives, started: time.Now(), ready: make(chan struct{}), gone: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start the service: %v", err)
	}
	l.process, s.current = cmd.Process, l
	close(s.born)
	s.born = make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if base, ok := apiAddress(lines.Text()); ok {
				s.note(time.Since(l.started))
				l.base = base
				close(l.ready)
			}
		}
		l.err = cmd.Wait()
		close(l.gone)
	}()
	return l
}

// apiAddress reads the line in which the service says where its API is.
func apiAddress(line string) (string, bool) {
	label, url, _ := strings.Cut(strings.TrimSpace(line), " ")
	return strings.TrimSuffix(strings.TrimSpace(url), "/v1/orders"), label == "API"
}

func (s *service) note(untilReady time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = max(s.slowest, untilReady)
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
			case <-l.ready:
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

// awaitReady fails the test unless a life becomes ready.
func (l *life) awaitReady(t *testing.T) {
	t.Helper()
	select {
	case <-l.ready:
	case <-l.gone:
		t.Fatalf("life %d ended before it was ready: %v", l.number, l.err)
	case <-time.After(patience):
		t.Fatalf("life %d was not ready within %v", l.number, patience)
	}
}

// kill ends a life the hard way and fails the test if it ended by itself.
func (l *life) kill(t *testing.T) {
	t.Helper()
	select {
	case <-l.gone:
		t.Fatalf("life %d ended by itself: %v", l.number, l.err)
	default:
	}
	l.end()
}

// end ends a life the hard way, if it has not ended yet.
func (l *life) end() {
	_ = l.process.Kill() // fails if it has ended
	<-l.gone
}

// stop asks a life to end, and fails the test unless it does so cleanly.
func (l *life) stop(t *testing.T) {
	t.Helper()
	if err := l.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stop life %d: %v", l.number, err)
	}
	select {
	case <-l.gone:
	case <-time.After(patience):
		t.Fatalf("life %d did not stop within %v", l.number, patience)
	}
	if l.err != nil {
		t.Errorf("life %d stopped with %v", l.number, l.err)
	}
}

// killed tells whether a life that is gone was killed.
func (l *life) killed() bool {
	exit, ok := errors.AsType[*exec.ExitError](l.err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// logBuffer keeps what the lives of a service log.
type logBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// errors returns the lines that tell of trouble. The gateway that stumbles once
// is none.
func (b *logBuffer) errors() (lines []string) {
	for line := range strings.Lines(b.String()) {
		trouble := strings.Contains(line, "level=ERROR") || strings.Contains(line, "panic")
		if trouble && !strings.Contains(line, "the gateway gave no answer") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (b *logBuffer) tail(n int) string {
	s := b.String()
	return s[max(0, len(s)-n):]
}
