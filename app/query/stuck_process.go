package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// StuckAfter is how long a command may be without an outcome, and a timer overdue,
// before somebody should look.
const StuckAfter = time.Minute

// SentBy is a command that a process has sent, and when.
type SentBy struct {
	es.SentCommand
	At time.Time
}

// Stuck says why a process does not get on without help, in words. It says nothing
// about one that merely waits, and about one that is done only which events it has not
// been able to take since: there may be money in them.
func (p ProcessRow) Stuck(now time.Time) []string {
	var why []string
	if !p.Instance.Standing.Done {
		why = p.inTheWay(now)
	}
	for _, l := range p.Letters {
		reason, _, _ := strings.Cut(l.Error, "\n")
		why = append(why, fmt.Sprintf("%s, version %d of %s, is dead letter %s: %s", l.Event, l.Version, l.Stream, l.ID, reason))
	}
	return why
}

// inTheWay says what a process waits for in vain.
func (p ProcessRow) inTheWay(now time.Time) []string {
	var why []string
	if trouble := p.Instance.Standing.Trouble; trouble != "" {
		why = append(why, trouble)
	}
	for _, c := range p.latest() {
		o, decided := p.Outcomes[c.ID]
		switch {
		case o.Status == es.StatusFailed:
			why = append(why, fmt.Sprintf("command %s %s failed%s", c.Type, c.ID, because(o.Problem)))
		case !decided && now.Sub(p.openSince(c)) > StuckAfter:
			why = append(why, fmt.Sprintf("command %s %s has no outcome since %s", c.Type, c.ID, second(p.openSince(c))))
		}
	}
	for _, t := range p.Instance.Timers {
		if now.Sub(t.At) > StuckAfter && !t.IsRetry() {
			why = append(why, fmt.Sprintf("timer %s is overdue since %s", t.Name, second(t.At)))
		}
	}
	if len(why) == 0 {
		why = p.refused(now)
	}
	return why
}

// refused tells of the commands that were sent last and rejected, if the process has no
// timer and no command without an outcome: then only others can still bring news.
func (p ProcessRow) refused(now time.Time) []string {
	if len(p.Instance.Timers)+len(p.Pending()) > 0 {
		return nil
	}
	steps := slices.DeleteFunc(slices.Clone(p.Instance.Steps), func(s es.ProcessStep) bool { return len(s.Sent) == 0 })
	if len(steps) == 0 || now.Sub(steps[len(steps)-1].At) <= StuckAfter {
		return nil
	}
	var why []string
	for _, c := range steps[len(steps)-1].Sent {
		if o := p.Outcomes[c.ID]; o.Status == es.StatusRejected {
			why = append(why, fmt.Sprintf("command %s %s was rejected%s, and it has no timer", c.Type, c.ID, because(o.Problem)))
		}
	}
	return why
}

func because(p *es.Problem) string {
	if p == nil {
		return ""
	}
	return ": " + cmp.Or(p.Detail, p.Code)
}

func second(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Pending returns the commands that have no outcome yet, oldest first.
func (p ProcessRow) Pending() []SentBy {
	return slices.DeleteFunc(p.sent(), func(c SentBy) bool {
		_, decided := p.Outcomes[c.ID]
		return decided
	})
}

func (p ProcessRow) sent() []SentBy {
	var all []SentBy
	for _, step := range p.Instance.Steps {
		for _, c := range step.Sent {
			all = append(all, SentBy{c, step.At})
		}
	}
	return all
}

// openSince is when the first of those commands was sent that ask for the same as one, of
// the same aggregate, and have no outcome: to ask once more is no answer.
func (p ProcessRow) openSince(c SentBy) time.Time {
	for _, other := range p.Pending() { // oldest first
		if other.Type == c.Type && other.Target == c.Target {
			return other.At
		}
	}
	return c.At
}

// latest returns those commands that no later one of the same type, for the same
// target, has taken the place of: what went wrong before somebody had it tried again is
// no matter any more.
func (p ProcessRow) latest() []SentBy {
	type errand struct{ kind, target string }
	last := map[errand]string{}
	all := p.sent()
	for _, c := range all {
		last[errand{c.Type, c.Target}] = c.ID
	}
	return slices.DeleteFunc(all, func(c SentBy) bool { return last[errand{c.Type, c.Target}] != c.ID })
}
