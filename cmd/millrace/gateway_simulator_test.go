package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// simulator is a gateway simulator that runs as a process of its own.
type simulator struct {
	testing.TB
	base   string // of its API
	ledger string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  bool
}

// startSimulator runs a gateway simulator on a ledger and a free port, until the
// test is over.
func startSimulator(t testing.TB, ledger string, args ...string) *simulator {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &simulator{TB: t, ledger: ledger}
	s.cmd = exec.Command(self, append([]string{"gateway-simulator", "--slow-payment=1h"}, args...)...)
	s.cmd.Dir, s.cmd.WaitDelay = t.TempDir(), patience
	s.cmd.Env = []string{asMillrace + "=yes", "MILLRACE_GATEWAY_ADDR=127.0.0.1:0", "MILLRACE_LEDGER=" + ledger}
	welcomed := make(chan struct{})
	out := &signalWriter{text: "Ctrl-C stops it.", seen: welcomed}
	s.cmd.Stdout, s.cmd.Stderr = out, &s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	select {
	case <-welcomed:
	case <-time.After(patience):
		t.Fatal("no welcome")
	}
	_, after, _ := strings.Cut(string(out.written), "running on ")
	s.base, _, _ = strings.Cut(after, "\n")
	return s
}

// kill ends the process as a power cut would.
func (s *simulator) kill() {
	if s.ended {
		return
	}
	s.ended = true
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // it says that it was killed
}

// stop interrupts the process and fails the test unless it ends in peace.
func (s *simulator) stop(with os.Signal) {
	s.Helper()
	s.ended = true
	if err := errors.Join(s.cmd.Process.Signal(with), s.cmd.Wait()); err != nil {
		s.Errorf("%v, and %s", err, s.stderr.String())
	}
}

// ask sends a request with a key, and returns the status with the body. The status
// is 0 if there was no answer.
func (s *simulator) ask(method, path, key, body string) (status int, answer string) {
	s.Helper()
	request, err := newRequest(method, s.base+path, body, "Idempotency-Key: "+key, "Content-Type: application/json")
	if err != nil {
		s.Error(err)
		return 0, ""
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.Error(err)
	}
	return response.StatusCode, string(data)
}

// charge asks for 1000 cents.
func (s *simulator) charge(key, method string) (status int, answer string) {
	s.Helper()
	return s.ask(http.MethodPost, "/charges", key, `{"amount":1000,"currency":"EUR","payment_method":"`+method+`","order_id":"o"}`)
}

// wantTotals fails the test unless the ledger holds so much.
func (s *simulator) wantTotals(want string) {
	s.Helper()
	if status, body := s.ask(http.MethodGet, "/totals", "", ""); status != http.StatusOK || !strings.Contains(body, want) {
		s.Errorf("totals are %d %s, want %s", status, body, want)
	}
}

func newLedger(t testing.TB) string { return filepath.Join(t.TempDir(), "ledger.db") }

func TestGatewaySimulatorEndsInPeace(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := startSimulator(t, newLedger(t))
			answered := make(chan int, 1)
			go func() {
				status, _ := s.charge("slow", "tok_slow")
				answered <- status
			}()
			eventually(t, "the slow charge is in the ledger", func() bool {
				status, _ := s.ask(http.MethodGet, "/charges/slow", "", "")
				return status == http.StatusOK
			})
			s.stop(signal)
			if status := <-answered; status != http.StatusCreated {
				t.Errorf("the slow charge was answered with %d", status)
			}
		})
	}
}

func TestGatewaySimulatorRemembersAfterItWasKilled(t *testing.T) {
	t.Parallel()
	ledger := newLedger(t)
	before := startSimulator(t, ledger)
	_, charged := before.charge("c", "tok_ok")
	failed, _ := before.charge("error", "tok_error")
	cut, _ := before.charge("cut", "tok_unknown")
	if failed != http.StatusInternalServerError || cut != 0 {
		t.Errorf("tok_error is answered with %d and tok_unknown with %d, want 500 and none", failed, cut)
	}
	before.kill()

	after := startSimulator(t, ledger)
	if status, again := after.charge("c", "tok_ok"); status != http.StatusCreated || again != charged {
		t.Errorf("asked again it is %d %s, want %s", status, again, charged)
	}
	for key, method := range map[string]string{"error": "tok_error", "cut": "tok_unknown"} {
		if status, body := after.charge(key, method); status != http.StatusCreated {
			t.Errorf("%s, asked again, is %d %s", method, status, body)
		}
	}
	after.wantTotals(`"EUR":{"charged":3000,"refunded":0,"kept":3000,"charges":3,`)
}

func TestGatewaySimulatorsShareALedger(t *testing.T) {
	t.Parallel()
	ledger := newLedger(t)
	both := []*simulator{startSimulator(t, ledger), startSimulator(t, ledger)}
	var (
		all     sync.WaitGroup
		answers [16]string
	)
	for i := range answers {
		all.Go(func() { _, answers[i] = both[i%2].charge("c", "tok_ok") })
	}
	all.Wait()
	for _, answer := range answers {
		if answer != answers[0] || !strings.Contains(answer, `"status":"charged"`) {
			t.Errorf("one request is answered with %s and %s", answers[0], answer)
		}
	}
	for _, s := range both {
		s.wantTotals(`"charged":1000,"refunded":0,"kept":1000,"charges":1,`)
	}
}

func TestGatewaySimulatorSaysHowToUseIt(t *testing.T) {
	t.Parallel()
	c := config{Ledger: "some.db"}
	text := gatewayWelcome(c, "127.0.0.1:8090")
	for _, want := range []string{
		"http://127.0.0.1:8090\n", "some.db", "curl http://127.0.0.1:8090/totals", "curl http://127.0.0.1:8090/charges",
		"curl http://127.0.0.1:8090/refunds", "Idempotency-Key",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

func TestWrongSettingsOfTheGatewaySimulator(t *testing.T) {
	t.Parallel()
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = occupied.Close() }) // nobody has called
	for name, setting := range map[string]string{
		"an address without a port":           "MILLRACE_GATEWAY_ADDR=localhost",
		"a port that is in use":               "MILLRACE_GATEWAY_ADDR=" + occupied.Addr().String(),
		"no ledger":                           "MILLRACE_LEDGER=",
		"a ledger in a folder that is absent": "MILLRACE_LEDGER=/nonexistent/x/ledger.db",
		"a ledger that is a folder":           "MILLRACE_LEDGER=/tmp",
		"an answer that takes no time":        "MILLRACE_SLOW_PAYMENT=0s",
		"a log level of one's own":            "MILLRACE_LOG_LEVEL=loud",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variable, _, _ := strings.Cut(setting, "=")
			stdout, stderr, exit := run(t, []string{"MILLRACE_GATEWAY_ADDR=127.0.0.1:0", setting}, "gateway-simulator")
			wantComplaint(t, stdout, stderr, exit, variable)
		})
	}
	t.Run("a flag that it does not have", func(t *testing.T) {
		t.Parallel()
		stdout, stderr, exit := run(t, nil, "gateway-simulator", "--store=x")
		wantComplaint(t, stdout, stderr, exit, "--store")
	})
}
