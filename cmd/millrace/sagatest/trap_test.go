package sagatest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

// traps are the orders to die that a process has. It looks into the file at every crash
// point.
type traps struct {
	file  string
	armed sync.RWMutex // held while there is one that has not sprung, and shared by who wants none

	mu    sync.Mutex
	lines []string
}

// newTraps adds the traps of a further process.
func (h *house) newTraps() *traps {
	t := &traps{file: filepath.Join(h.folder, fmt.Sprint("traps of process ", len(h.traps)))}
	h.traps = append(h.traps, t)
	return t
}

// setting is what a process has to be told to obey.
func (t *traps) setting() string { return "MILLRACE_CRASH_AT=@" + t.file }

// set adds an order to die at a crash point when all of some words are in what passes.
func (t *traps) set(point string, words ...string) (line string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line = strings.Join(append([]string{point}, words...), "|")
	t.lines = append(t.lines, line)
	return line, t.write()
}

// drop takes an order back that nobody has carried out in time: nobody would start who
// dies of it later.
func (t *traps) drop(line string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = slices.DeleteFunc(t.lines, func(l string) bool { return l == line })
	return t.write()
}

// write writes the file anew. One that is there is there as a whole.
func (t *traps) write() error {
	next := t.file + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(t.lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(next, t.file)
}

// victim returns the number of the process that has carried out an order to die, or an
// error if none has so far.
func (t *traps) victim(line string) (pid int, err error) {
	done, err := os.ReadFile(t.file + ".done")
	if err != nil {
		return 0, fmt.Errorf("nobody has died so far: %w", err)
	}
	for entry := range strings.Lines(string(done)) {
		if number, ok := strings.CutPrefix(strings.TrimSuffix(entry, "\n"), line+"\t"); ok {
			return strconv.Atoi(number)
		}
	}
	return 0, fmt.Errorf("nobody has died at %s", line)
}

// trap is one that was set for a process.
type trap struct {
	house *house
	point string
	line  string
	slot  int
}

// arm has the process that does a job die at a crash point. Others wait for the next
// trap for this process: it would not come to a point after something has happened, if
// it died of something else just then.
func (h *house) arm(job, point string, words ...string) (*trap, error) {
	slot := h.slots[job]
	h.traps[slot].armed.Lock()
	line, err := h.traps[slot].set(point, words...)
	return &trap{h, point, line, slot}, err
}

// undisturbed waits until nobody but the visit itself has the process die that does a
// job, and keeps it so until done is called.
func (v *visit) undisturbed(job string) (done func()) {
	slot := v.house.slots[job]
	if v.trap != nil && v.trap.slot == slot {
		return func() {} // others wait until it has sprung
	}
	v.house.traps[slot].armed.RLock()
	return v.house.traps[slot].armed.RUnlock
}

// spring waits until the process has died.
func (t *trap) spring() error {
	var pid int
	err := fleet.Eventually(patience, func() (err error) {
		pid, err = t.house.traps[t.slot].victim(t.line)
		return err
	})
	if err != nil {
		return errors.Join(err, t.house.traps[t.slot].drop(t.line))
	}
	victim := t.house.fleet.All()[t.slot]
	if victim.Pid() != pid {
		return fmt.Errorf("process %d has died, want process %d", pid, victim.Pid())
	}
	select {
	case <-victim.Gone:
	case <-time.After(fleet.Patience):
		return fmt.Errorf("process %d has not died at %s", pid, t.line)
	}
	if !victim.Killed() {
		return fmt.Errorf("the process %q ended with %v, want it killed", victim.Name, victim.Err())
	}
	return nil
}

// release starts the process again, if it has died.
func (t *trap) release() {
	defer t.house.traps[t.slot].armed.Unlock()
	select {
	case <-t.house.fleet.All()[t.slot].Gone:
	default:
		return
	}
	p := t.house.fleet.Again(t.slot)
	t.house.kills.Add(1)
	select {
	case <-p.Ready:
	case <-p.Gone: // which is found in the end
	case <-time.After(fleet.Patience):
	}
}
