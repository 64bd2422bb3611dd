package faulttest

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"text/tabwriter"
	"time"
)

// tally counts the answers that customers got.
type tally struct {
	mu sync.Mutex
	answers
}

// answers are counts of answers, by their class.
type answers struct {
	good        int // 200 and 201 to writes
	pending     int // 202
	unavailable int // 503
	wrong       int // 500 and above, other than 503
	none        int // the connection was refused or cut
	hasty       int // 503 that does not say when to ask again
	slowest     time.Duration
	lastGood    time.Time
}

func (t *tally) note(q request, a answer, began time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slowest = max(t.slowest, time.Since(began))
	switch {
	case a.http == 0:
		t.none++
	case a.http == http.StatusServiceUnavailable:
		t.unavailable++
		if a.after == "" {
			t.hasty++
		}
	case a.http >= 500:
		t.wrong++
	case q.method == http.MethodGet:
	case a.http == http.StatusAccepted:
		t.pending++
	case a.http < 300:
		t.good++
		t.lastGood = time.Now()
	}
}

// join adds the answers that further customers got.
func (t *tally) join(a answers) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.good += a.good
	t.pending += a.pending
	t.unavailable += a.unavailable
	t.wrong += a.wrong
	t.none += a.none
	t.hasty += a.hasty
	t.slowest = max(t.slowest, a.slowest)
	if a.lastGood.After(t.lastGood) {
		t.lastGood = a.lastGood
	}
}

func (t *tally) now() answers {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answers
}

// accepted is how many writes were taken on, which some are more than once.
func (a answers) accepted() int { return a.good + a.pending }

// row is what a scenario has shown.
type row struct {
	scenario  string
	orders    int
	answers   answers
	findings  findings
	converged time.Duration
}

// table is what all scenarios have shown so far.
var table struct {
	mu   sync.Mutex
	rows []row
}

func addRow(r row) {
	table.mu.Lock()
	defer table.mu.Unlock()
	table.rows = append(table.rows, r)
}

// printTable prints a line for each scenario.
func printTable(w io.Writer) {
	table.mu.Lock()
	defer table.mu.Unlock()
	if len(table.rows) == 0 {
		return
	}
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(lines, "orders\taccepted\t2xx\t202\t503\tother 5xx\tno answer\tslowest\tno outcome\ttwo effects\tevents lost\tfeed gaps\tviews differ\tmoney wrong\tconverged\t  scenario")
	for _, r := range table.rows {
		f := r.findings
		fmt.Fprintf(lines, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f s\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f s\t  %s\n", r.orders, f.commands,
			r.answers.good, r.answers.pending, r.answers.unavailable, r.answers.wrong, r.answers.none, r.answers.slowest.Seconds(),
			f.noOutcome, f.twice, f.lost, f.gaps, f.views, f.money, r.converged.Seconds(), r.scenario)
	}
	_ = lines.Flush() // standard output
}
