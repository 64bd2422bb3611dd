package crashtest

import (
	"fmt"
	"sync"
)

// ledger is what the customers asked for and what they were told.
type ledger struct {
	mu     sync.Mutex
	writes []*write
}

// write is one request to change an order. It keeps its key and body however
// often it is repeated.
type write struct {
	key     string
	command string // the type of the command that it becomes
	method  string
	path    string
	body    string
	async   bool // asks for an answer before the outcome is known, the first time
	answers []answer
}

// answer is what a write was told.
type answer struct {
	Status    string `json:"status"` // of the command, unless it was refused
	CommandID string `json:"command_id"`
	OrderID   string `json:"order_id"`
	Version   int64  `json:"version"`
	Code      string `json:"code"` // of the refusal

	http int // the status of the answer itself
	life int // which life gave it
}

// decided tells whether an answer is final.
func (a answer) decided() bool { return a.http != 0 && a.http != 202 }

func (a answer) String() string {
	return fmt.Sprintf("%d %s%s at version %d", a.http, a.Status, a.Code, a.Version)
}

// add enters a write.
func (l *ledger) add(w *write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, w)
}

// answered notes an answer.
func (l *ledger) answered(w *write, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.answers = append(w.answers, a)
}

// all returns the writes so far, once their customers rest.
func (l *ledger) all() []*write {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes
}

// check returns where the book disagrees with what customers were told.
func (l *ledger) check(b *book) (broken []string) {
	fail := func(w *write, format string, args ...any) {
		broken = append(broken, fmt.Sprintf("%s with key %s: ", w.command, w.key)+fmt.Sprintf(format, args...))
	}
	seen := map[string]*write{}
	for _, w := range l.all() {
		if len(w.answers) == 0 {
			fail(w, "was never answered")
			continue
		}
		first := w.answers[0]
		if other := seen[first.CommandID]; other != nil {
			fail(w, "has the command %s of key %s", first.CommandID, other.key)
		}
		seen[first.CommandID] = w
		o, known := b.outcomes[first.CommandID]
		if !known {
			fail(w, "was accepted as %s by life %d and has no outcome", first.CommandID, first.life)
			continue
		}
		for _, a := range w.answers {
			if a.CommandID != first.CommandID || a.OrderID != first.OrderID {
				fail(w, "was told command %s of order %s by life %d, and %s of %s by life %d",
					first.CommandID, first.OrderID, first.life, a.CommandID, a.OrderID, a.life)
			}
			if !a.decided() {
				continue
			}
			if told := a.Status == "succeeded"; told != (o.status == "succeeded") || a.Code != o.code || (told && a.Version != o.version) {
				fail(w, "was told %v by life %d, but the outcome of %s is %s%s at version %d",
					a, a.life, a.CommandID, o.status, o.code, o.version)
			}
		}
		if o.kind != w.command || o.target != first.OrderID {
			fail(w, "became %s of order %s, and the customer was told of order %s", o.kind, o.target, first.OrderID)
		}
	}
	return broken
}
