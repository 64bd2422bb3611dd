package main

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/servertest"
)

// cable leads to a server, and can be pulled.
type cable struct {
	target string
	socket net.Listener
	work   sync.WaitGroup

	mu     sync.Mutex
	pulled bool
	ends   []net.Conn
}

// lay puts a cable between the test and the server at an address. It returns the
// address at its other end.
func lay(t *testing.T, address string) (*cable, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l := &cable{target: u.Host}
	if l.socket, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l.work.Go(l.accept)
	t.Cleanup(func() {
		_ = l.socket.Close() // which ends accept
		l.pull()
		l.work.Wait()
	})
	u.Host = l.socket.Addr().String()
	return l, u.String()
}

func (l *cable) accept() {
	for {
		near, err := l.socket.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil || !l.connect(near, far) {
			_ = near.Close() // which is the message
			if err == nil {
				_ = far.Close()
			}
		}
	}
}

// connect passes on what comes, unless the cable is pulled.
func (l *cable) connect(near, far net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pulled {
		return false
	}
	l.ends = append(l.ends, near, far)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // until one of them ends, or is pulled
		_, _ = to.Close(), from.Close()
	}
	l.work.Go(func() { pass(near, far) })
	l.work.Go(func() { pass(far, near) })
	return true
}

func (l *cable) pull() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pulled = true
	for _, c := range l.ends {
		_ = c.Close() // both ends know by that
	}
	l.ends = nil
}

func (l *cable) plug() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pulled = false
}

// ready asks the service whether it is ready.
func (s *service) ready() error { return askReady(s.Context(), strings.TrimPrefix(s.admin, "http://")) }

// wantAway wants the service to say that its broker is away.
func (s *service) wantAway() {
	s.Helper()
	const want = "503 Service Unavailable: not ready: broker: "
	if err := s.ready(); err == nil || !strings.HasPrefix(err.Error(), want) {
		s.Errorf("readyz says %v, want %q", err, want)
	}
}

func TestReadyzNamesTheBrokerThatIsAway(t *testing.T) {
	t.Parallel()
	line, broker := lay(t, servertest.VirtualHost(t, "rabbitmq"))
	s := start(t, func(c *config) { c.Broker, c.ResendAfter = broker, time.Second })
	if err := s.ready(); err != nil {
		t.Errorf("readyz says %v, want yes", err)
	}
	line.pull()
	eventually(t, "readyz notices", func() bool { return s.ready() != nil })
	s.wantAway()
	c := s.client(t)
	accepted := c.post("/v1/orders", newOrder(), "Prefer: respond-async").want(http.StatusAccepted).header.Get("Location")
	c.base = s.admin
	c.get("/livez").want(http.StatusOK) // it is alive all the same
	c.base = s.public

	line.plug()
	eventually(t, "readyz says yes again", func() bool { return s.ready() == nil })
	if o := awaitOutcome(c, accepted); o.Status != "succeeded" {
		t.Errorf("what was accepted meanwhile is %s, want succeeded", o.Status)
	}
}

func TestServiceStartsWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	line, broker := lay(t, servertest.VirtualHost(t, "rabbitmq"))
	line.pull()
	s := start(t, func(c *config) { c.Broker, c.ResendAfter = broker, time.Second })
	s.wantAway()
	c := s.client(t)
	accepted := c.post("/v1/orders", newOrder(), "Prefer: respond-async").want(http.StatusAccepted).header.Get("Location")
	line.plug()
	if o := awaitOutcome(c, accepted); o.Status != "succeeded" {
		t.Errorf("what was accepted meanwhile is %s, want succeeded", o.Status)
	}
}
