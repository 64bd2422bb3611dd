package fleet

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Run says how to run the binary.
type Run struct {
	Binary   string
	Name     string   // for messages, such as its roles
	Args     []string // defaults to serve
	Settings []string // as in MILLRACE_LEASE=2s; the ones of the test itself do not count
	Log      *Log     // where its log goes, perhaps with that of others; defaults to one of its own
}

// Process is one run of the binary, from its start to its end.
type Process struct {
	Name    string
	Started time.Time
	Ready   <-chan struct{} // closed once it says where it listens
	Gone    <-chan struct{} // closed once it has ended

	run               Run
	cmd               *exec.Cmd
	log               *Log
	public, admin     string        // its addresses, once it is ready
	untilReady        time.Duration // how long that took
	err               error         // how it ended, once it has
	readyNow, goneNow chan struct{}
}

// Start runs the binary without waiting until it is ready. Whoever starts it sees to it
// that it ends.
func Start(tb testing.TB, r Run) *Process {
	tb.Helper()
	Sources(tb) // what the test depends on
	if len(r.Args) == 0 {
		r.Args = []string{"serve"}
	}
	if r.Log == nil {
		r.Log = &Log{}
	}
	ready, gone := make(chan struct{}), make(chan struct{})
	p := &Process{
		Name: r.Name, Started: time.Now(), Ready: ready, Gone: gone,
		run: r, cmd: exec.Command(r.Binary, r.Args...), log: r.Log, readyNow: ready, goneNow: gone,
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MILLRACE_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, "MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_ADMIN_ADDR=127.0.0.1:0", "MILLRACE_LOG_LEVEL=warn")
	p.cmd.Env = append(p.cmd.Env, r.Settings...)
	p.cmd.Stderr = r.Log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start the process %q: %v", r.Name, err)
	}
	go func() {
		defer close(p.goneNow)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.hear(lines.Text())
		}
		p.err = p.cmd.Wait()
	}()
	return p
}

// hear reads a line of what the process says when it is ready. The address of the
// admin listener comes last. A gateway simulator has but one.
func (p *Process) hear(line string) {
	if _, address, found := strings.Cut(line, "gateway that takes no money is running on "); found {
		p.isReady(address)
		return
	}
	label, address, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch label {
	case "API":
		p.public = strings.TrimSuffix(strings.TrimSpace(address), "/v1/orders")
	case "admin":
		readyz, _, _ := strings.Cut(strings.TrimSpace(address), " ")
		p.isReady(strings.TrimSuffix(readyz, "/readyz"))
	}
}

// isReady notes that a process is ready.
func (p *Process) isReady(admin string) {
	p.admin, p.untilReady = admin, time.Since(p.Started)
	close(p.readyNow)
}

// API returns where a process that is ready answers requests, or "" if it does not.
func (p *Process) API() string { return p.public }

// Admin returns where a process that is ready has its admin listener.
func (p *Process) Admin() string { return p.admin }

// UntilReady returns how long a process that is ready took for that.
func (p *Process) UntilReady() time.Duration { return p.untilReady }

// Err returns how a process has ended that is gone.
func (p *Process) Err() error { return p.err }

// Pid returns the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// IsUp tells whether a process is ready and has not ended.
func (p *Process) IsUp() bool {
	select {
	case <-p.Gone:
		return false
	default:
	}
	select {
	case <-p.Ready:
		return true
	default:
		return false
	}
}

// AwaitReady fails the test unless the process becomes ready.
func (p *Process) AwaitReady(tb testing.TB) {
	tb.Helper()
	select {
	case <-p.Ready:
	case <-p.Gone:
		tb.Fatalf("the process %q ended before it was ready: %v", p.Name, p.err)
	case <-time.After(Patience):
		tb.Fatalf("the process %q is not ready after %v", p.Name, Patience)
	}
}

// Kill ends a process the hard way, if it has not ended yet.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails if it has ended
	<-p.Gone
}

// Killed tells whether a process that is gone was killed.
func (p *Process) Killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Signal sends a signal to a process that has not ended.
func (p *Process) Signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		tb.Fatalf("send %v to the process %q: %v", s, p.Name, err)
	}
}

// Stop asks a process to end, and fails the test unless it does so cleanly.
func (p *Process) Stop(tb testing.TB) {
	tb.Helper()
	p.Signal(tb, syscall.SIGTERM)
	p.awaitStop(tb)
}

func (p *Process) awaitStop(tb testing.TB) {
	tb.Helper()
	select {
	case <-p.Gone:
		if p.err != nil {
			tb.Errorf("the process %q stopped with %v", p.Name, p.err)
		}
	case <-time.After(2 * Patience): // the service itself gives up after one
		p.Signal(tb, syscall.SIGQUIT) // it says where it hangs
		<-p.Gone
		tb.Errorf("the process %q does not stop:\n%s", p.Name, p.log.Tail(20_000))
	}
}
