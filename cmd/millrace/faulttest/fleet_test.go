package faulttest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a process may take to be ready, or to stop.
const patience = 30 * time.Second

// fleet is the service as processes that share a store and a broker.
type fleet struct {
	t             *testing.T
	store, broker string

	mu    sync.Mutex
	slots []*process // the process that runs in each, or ran last
}

// process is one run of the binary.
type process struct {
	roles  string
	cmd    *exec.Cmd
	log    logBuffer
	ready  chan struct{} // closed once it says where it listens
	gone   chan struct{} // closed once it has ended
	public string        // the address of its API, if it has one, once it is ready
	admin  string
}

// split is what processes the scenarios run: two of each role.
var split = []string{
	"api", "api", "commands", "commands",
	"events,processes,payments", "events,processes,payments", "relay", "relay",
}

// newFleet returns a service that does not run yet, and sees to it that no process
// outlives the test.
func newFleet(t *testing.T, store, broker string) *fleet {
	f := &fleet{t: t, store: store, broker: broker}
	t.Cleanup(func() {
		for i, p := range f.all() {
			p.kill()
			if text := p.log.tail(1_500); t.Failed() && text != "" {
				t.Logf("the log of process %d (%s) ends with\n%s", i, p.roles, text)
			}
		}
	})
	return f
}

// start runs another process for each of the roles, without waiting for it.
func (f *fleet) start(roles ...string) {
	f.t.Helper()
	for _, r := range roles {
		p := f.run(r)
		f.mu.Lock()
		f.slots = append(f.slots, p)
		f.mu.Unlock()
	}
}

// again starts the process in a slot again, which has ended.
func (f *fleet) again(slot int) {
	f.t.Helper()
	p := f.run(f.all()[slot].roles)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots[slot] = p
}

func (f *fleet) all() []*process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*process(nil), f.slots...)
}

// with returns the slots of the processes that have just these roles.
func (f *fleet) with(roles string) (slots []int) {
	for i, p := range f.all() {
		if p.roles == roles {
			slots = append(slots, i)
		}
	}
	return slots
}

func (f *fleet) run(roles string) *process {
	f.t.Helper()
	p := &process{roles: roles, cmd: exec.Command(binary, "serve"), ready: make(chan struct{}), gone: make(chan struct{})}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MILLRACE_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env,
		"MILLRACE_STORE="+f.store, "MILLRACE_BROKER="+f.broker, "MILLRACE_ROLES="+roles,
		"MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_ADMIN_ADDR=127.0.0.1:0",
		"MILLRACE_LOG_LEVEL=warn", "MILLRACE_LEASE=2s", "MILLRACE_RESEND_AFTER=3s",
	)
	p.cmd.Stderr = &p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatalf("start the service: %v", err)
	}
	go func() {
		defer close(p.gone)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.hear(lines.Text())
		}
		_ = p.cmd.Wait() // that it ended is looked for by the scenarios
	}()
	return p
}

// hear reads a line of what the process says when it is ready. The address of the
// admin listener comes last.
func (p *process) hear(line string) {
	label, address, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch label {
	case "API":
		p.public = strings.TrimSuffix(strings.TrimSpace(address), "/v1/orders")
	case "admin":
		readyz, _, _ := strings.Cut(strings.TrimSpace(address), " ")
		p.admin = strings.TrimSuffix(readyz, "/readyz")
		close(p.ready)
	}
}

// isUp tells whether a process is ready and has not ended.
func (p *process) isUp() bool {
	select {
	case <-p.gone:
		return false
	default:
	}
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

// awaitReady fails the test unless all processes become ready.
func (f *fleet) awaitReady() {
	f.t.Helper()
	enough := time.After(patience)
	for i, p := range f.all() {
		select {
		case <-p.ready:
		case <-p.gone:
			f.t.Fatalf("process %d (%s) ended before it was ready", i, p.roles)
		case <-enough:
			f.t.Fatalf("process %d (%s) is not ready after %v", i, p.roles, patience)
		}
	}
}

// api returns the address of a process that answers requests, in turn, or "" if
// there is none.
func (f *fleet) api(turn int) string {
	var up []string
	for _, p := range f.all() {
		if p.isUp() && p.public != "" {
			up = append(up, p.public)
		}
	}
	if len(up) == 0 {
		return ""
	}
	return up[turn%len(up)]
}

// kill ends a process the hard way, if it has not ended yet.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails if it has ended
	<-p.gone
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("send %v to a process with %s: %v", s, p.roles, err)
	}
}

// stop asks all processes to end, and fails the test unless they do so cleanly.
func (f *fleet) stop() {
	f.t.Helper()
	for _, p := range f.all() {
		p.signal(f.t, syscall.SIGTERM)
	}
	enough := time.Now().Add(2 * patience)
	for i, p := range f.all() {
		select {
		case <-p.gone:
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				f.t.Errorf("process %d (%s) stopped with exit code %d", i, p.roles, code)
			}
		case <-time.After(time.Until(enough)):
			p.signal(f.t, syscall.SIGQUIT) // it says where it hangs
			<-p.gone
			f.t.Errorf("process %d (%s) does not stop:\n%s", i, p.roles, p.log.tail(20_000))
		}
	}
}

// running returns an error unless every process is still the one that was started.
func (f *fleet) running() error {
	var errs []error
	for i, p := range f.all() {
		select {
		case <-p.gone:
			errs = append(errs, fmt.Errorf("process %d (%s) ended by itself", i, p.roles))
		default:
		}
	}
	return errors.Join(errs...)
}

// logBuffer keeps what a process logs.
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

func (b *logBuffer) tail(n int) string {
	s := b.String()
	return s[max(0, len(s)-n):]
}
