package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"
)

// asMillrace makes this test binary behave like the millrace binary, so that a
// test can run it as a process of its own.
const asMillrace = "RUN_THE_TEST_BINARY_AS_MILLRACE"

func TestMain(m *testing.M) {
	if os.Getenv(asMillrace) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for something that should happen soon, on a machine
// that has much else to do.
const patience = time.Minute

// service is the whole thing under test: serve, on a store of its own and on
// ports that are free.
type service struct {
	testing.TB
	config config
	public string
	admin  string

	contract  *httpContract
	transport *http.Transport
	cancel    context.CancelFunc
	ended     chan error // of serve; nil once it was received
}

// start runs a service until the test is over. Settings change its
// configuration, which is the default one but for the store and the ports.
func start(t testing.TB, settings ...func(*config)) *service {
	t.Helper()
	contract, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{TB: t, contract: contract}
	s.config.serveFlags(pflag.NewFlagSet("serve", pflag.PanicOnError)) // sets the defaults
	s.config.Store = "sqlite:" + filepath.Join(t.TempDir(), "millrace.db")
	s.config.Gateway = "simulator:" + filepath.Join(t.TempDir(), "gateway.db")
	s.config.HTTPAddr, s.config.AdminAddr = "127.0.0.1:0", "127.0.0.1:0"
	s.config.LogLevel = "error"
	for _, set := range settings {
		set(&s.config)
	}
	s.run()
	t.Cleanup(s.stop)
	return s
}

// run starts the service on the store that it had before, if any.
func (s *service) run() {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.ended, s.transport = cancel, make(chan error, 1), &http.Transport{MaxIdleConnsPerHost: 64}
	ready := make(chan struct{})
	go func(ended chan<- error) {
		ended <- serve(ctx, s.config, func(public, admin string) {
			s.public, s.admin = "http://"+public, "http://"+admin
			close(ready)
		})
	}(s.ended)
	select {
	case <-ready:
	case err := <-s.ended:
		s.ended = nil
		s.Fatalf("serve ended before it was ready: %v", err)
	}
}

// stop interrupts the service, waits for it, and fails the test unless it ended
// in peace. Stopping a service that has ended does nothing.
func (s *service) stop() {
	s.Helper()
	s.cancel()
	defer s.transport.CloseIdleConnections()
	if s.ended == nil {
		return
	}
	select {
	case err := <-s.ended:
		if err != nil {
			s.Errorf("serve: %v", err)
		}
	case <-time.After(patience):
		s.Errorf("serve goes on %s after it was interrupted", patience)
	}
	s.ended = nil
}

// restart stops the service and runs it again on the same store.
func (s *service) restart() {
	s.Helper()
	s.stop()
	s.run()
}

// client returns a client of the service for a test.
func (s *service) client(t testing.TB) client {
	return client{
		TB: t, base: s.public,
		http: &http.Client{
			Transport:     &checkedTransport{TB: t, contract: s.contract, next: s.transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       patience,
		},
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	enough := time.After(patience)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-enough:
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// lines splits text into its lines, without the empty ones.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}
