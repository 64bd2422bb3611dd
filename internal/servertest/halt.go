package servertest

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// halt makes a process stand still, and returns once it does: its threads may go on for a
// moment after they were told.
func halt(tb testing.TB, p *os.Process) {
	tb.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatal(err)
	}
	enough := time.After(10 * time.Second)
	for {
		still, err := standsStill(p.Pid)
		switch {
		case err != nil:
			tb.Fatalf("look whether process %d stands still: %v", p.Pid, err)
		case still:
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-enough:
			tb.Fatalf("process %d does not stand still", p.Pid)
		}
	}
}

// resume lets a process go on that stands still.
func resume(tb testing.TB, p *os.Process) {
	tb.Helper()
	if err := p.Signal(syscall.SIGCONT); err != nil {
		tb.Fatal(err)
	}
}
