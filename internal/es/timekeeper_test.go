package es_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// clocks are the timers of many processes, and what is done about them.
type clocks struct {
	opened time.Time
	broken []error // what the next looks return, nil once they run out
	fire   func(id string, times int) error

	mu    sync.Mutex
	due   []es.DueProcess
	pages []int // how many there were on each
	times map[string]int
	diary []string
}

// Due returns those that are due, in pages.
func (c *clocks) Due(_ context.Context, before time.Time, after es.DueProcess, limit int) ([]es.DueProcess, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []es.DueProcess
	for _, p := range c.due {
		if p.At.Before(before) && compareDue(p, after) > 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, compareDue)
	all = all[:min(len(all), limit)]
	c.pages = append(c.pages, len(all))
	return all, next(&c.broken)
}

func compareDue(a, b es.DueProcess) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) }

// Fire lets a process see its timer, which is gone if that went well.
func (c *clocks) Fire(_ context.Context, id string) error {
	c.mu.Lock()
	c.times[id]++
	times := c.times[id]
	c.mu.Unlock()
	var err error
	if c.fire != nil {
		err = c.fire(id, times)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.diary = append(c.diary, fmt.Sprintf("%v %s: %v", time.Since(c.opened).Seconds(), id, err))
	if err == nil {
		c.due = slices.DeleteFunc(c.due, func(p es.DueProcess) bool { return p.ID == id })
	}
	return err
}

// wait adds processes that wait.
func (c *clocks) wait(more ...es.DueProcess) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = append(c.due, more...)
}

// keep runs a timekeeper for a while and returns what it has logged.
func (c *clocks) keep(t *testing.T, leader *es.Leader, d time.Duration) string {
	t.Helper()
	stop, said := c.begin(t, leader)
	time.Sleep(d) // of the bubble's time, as everywhere here
	stop()
	return said()
}

// begin starts a timekeeper that looks every second.
func (c *clocks) begin(t *testing.T, leader *es.Leader) (stop func(), said func() string) {
	t.Helper()
	if c.times == nil {
		c.opened, c.times = time.Now(), map[string]int{}
	}
	log, logs := logged()
	k := &es.Timekeeper{Name: "checkout", Due: c.Due, Fire: c.Fire, Leader: leader, Every: time.Second, Now: time.Now, Log: log}
	return start(t, k.Run), logs.String
}

func (c *clocks) wantDiary(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(c.diary) // several are fired at a time
	slices.Sort(want)
	if !slices.Equal(c.diary, want) {
		t.Errorf("fired\n%s\nwant\n%s", strings.Join(c.diary, "\n"), strings.Join(want, "\n"))
	}
}

// soon returns a process that is due in a while.
func soon(id string, d time.Duration) es.DueProcess {
	return es.DueProcess{ID: id, At: time.Now().Add(d)}
}

func TestTimekeeperFiresTimersWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clocks{due: []es.DueProcess{soon("b", 1500*time.Millisecond), soon("a", -time.Hour), soon("c", time.Minute)}}
		if said := c.keep(t, new(office).leader("me"), 5500*time.Millisecond); said != "" {
			t.Errorf("logged %s", said)
		}
		c.wantDiary(t, "0 a: <nil>", "2 b: <nil>")
	})
}

func TestTimekeeperWorksWhileItLeads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o office
		c := &clocks{due: []es.DueProcess{soon("a", -time.Second)}}
		stop, _ := c.begin(t, o.leader("first"))
		time.Sleep(500 * time.Millisecond)
		c.wait(soon("b", -time.Millisecond), soon("c", 3*time.Second))
		said := c.keep(t, o.leader("second"), 3*time.Second)
		c.wantDiary(t, "0 a: <nil>", "1 b: <nil>") // by the first
		if said != "" {
			t.Errorf("logged %s while another one leads", said)
		}
		stop() // and gives the lease up
		c.keep(t, o.leader("second"), 1500*time.Millisecond)
		c.wantDiary(t, "0 a: <nil>", "1 b: <nil>", "4.5 c: <nil>")
	})
}

func TestTimekeeperTriesWhatFailsAfterGrowingPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clocks{
			due: []es.DueProcess{soon("a", -time.Second), soon("b", 5*time.Second)},
			fire: func(id string, times int) error {
				if id == "a" && times < 10 {
					return errBroken
				}
				return nil
			},
		}
		said := c.keep(t, new(office).leader("me"), 300*time.Second)
		c.wantDiary(t, "0 a: broken", "1 a: broken", "3 a: broken", "6 b: <nil>", "7 a: broken", "15 a: broken", "31 a: broken",
			"63 a: broken", "123 a: broken", "183 a: broken", "243 a: <nil>")
		if n := strings.Count(said, "process=checkout id=a after="); n != 9 {
			t.Errorf("logged %d failures of 9: %s", n, said)
		}
	})
}

func TestTimekeeperForgetsAFailureThatIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clocks{due: []es.DueProcess{soon("a", -time.Second)}}
		c.fire = func(_ string, times int) error {
			if times == 4 {
				return nil
			}
			return errBroken
		}
		stop, _ := c.begin(t, new(office).leader("me"))
		time.Sleep(8500 * time.Millisecond)
		c.wait(soon("a", 0)) // another timer of the same process
		time.Sleep(4 * time.Second)
		stop()
		c.wantDiary(t, "0 a: broken", "1 a: broken", "3 a: broken", "7 a: <nil>", "9 a: broken", "10 a: broken", "12 a: broken")
	})
}

func TestTimekeeperPagesPastThoseThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const failing, fine = 700, 600
		c := &clocks{fire: func(id string, _ int) error {
			if id[0] == 'x' {
				return errBroken
			}
			return nil
		}}
		for i := range failing {
			c.due = append(c.due, soon(fmt.Sprint("x", i), -time.Hour))
		}
		for i := range fine {
			c.due = append(c.due, soon(fmt.Sprint("y", i), -time.Minute))
		}
		c.keep(t, new(office).leader("me"), 1500*time.Millisecond)
		if len(c.due) != failing || c.times["x0"] != 2 || c.times["y599"] != 1 {
			t.Errorf("%d timers are left, want %d; tried %v", len(c.due), failing, c.times)
		}
		if want := []int{500, 500, 300, 500, 200}; !slices.Equal(c.pages, want) {
			t.Errorf("looked at pages of %v, want %v", c.pages, want)
		}
	})
}

func TestTimekeeperGoesOnBehindAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clocks{
			due: []es.DueProcess{soon("a", -time.Second), soon("b", -time.Second)},
			fire: func(id string, times int) error {
				if id == "a" && times == 1 {
					panic(errBroken)
				}
				return nil
			},
		}
		said := c.keep(t, new(office).leader("me"), 1500*time.Millisecond)
		c.wantDiary(t, "0 b: <nil>", "1 a: <nil>")
		if !strings.Contains(said, "panic: broken") {
			t.Errorf("logged %q, want the panic", said)
		}
	})
}

func TestTimekeeperLooksAgainWhenTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clocks{due: []es.DueProcess{soon("a", -time.Second)}, broken: []error{errBroken, nil}}
		said := c.keep(t, new(office).leader("me"), 1500*time.Millisecond)
		c.wantDiary(t, "1 a: <nil>")
		if !strings.Contains(said, "broken") {
			t.Errorf("logged %q, want what the store says", said)
		}
	})
}

func TestTimekeeperFiresSeveralAtATimeAndEndsWithThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clocks{fire: func(string, int) error {
			time.Sleep(time.Second)
			return nil
		}}
		for i := range 40 {
			c.due = append(c.due, soon(fmt.Sprint(i), -time.Hour))
		}
		c.keep(t, new(office).leader("me"), 1500*time.Millisecond) // while the second sixteen are at work
		if len(c.due) != 40-32 || time.Since(c.opened) != 2*time.Second {
			t.Errorf("%d timers are left after %v, want 8 after 2s", len(c.due), time.Since(c.opened))
		}
	})
}

func TestTimekeeperIsSilentWhenItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clocks{due: []es.DueProcess{soon("a", -time.Second)}}
		c.fire = func(string, int) error {
			time.Sleep(time.Second)
			return context.Canceled
		}
		if said := c.keep(t, new(office).leader("me"), 500*time.Millisecond); said != "" {
			t.Errorf("logged %s", said)
		}
	})
}
