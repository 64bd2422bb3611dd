package sagatest

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// totals is what went through the gateway in one currency.
type totals struct {
	Charged  int64 `json:"charged"`
	Refunded int64 `json:"refunded"`
	Kept     int64 `json:"kept"`
	Charges  int64 `json:"charges"`
	Declined int64 `json:"declined"`
	Refunds  int64 `json:"refunds"`
}

// row is what many checkouts have shown.
type row struct {
	scenario string
	orders   int
	ends     map[string]int
	wrong    int // orders that did not end as they should, or with the money elsewhere
	sums     totals
	off      int64 // what the gateway keeps beyond the price of what was completed
	disorder []string
	kills    map[string]int
	rest     time.Duration // until nothing was left to do
	took     time.Duration
}

// tally is what all runs have shown so far.
var tally struct {
	mu   sync.Mutex
	rows []row
}

func addRow(r row) {
	tally.mu.Lock()
	defer tally.mu.Unlock()
	tally.rows = append(tally.rows, r)
}

// printTally prints a line for each run.
func printTally(w io.Writer) {
	tally.mu.Lock()
	defer tally.mu.Unlock()
	if len(tally.rows) == 0 {
		return
	}
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(lines, "orders\tcompleted\trejected\tcanceled\twrong end\tcharged\tdeclined\trefunds\ttaken\tgiven back\tkept\toff by\tstores in disorder\tat rest after\ttook\t  killed")
	for _, r := range tally.rows {
		fmt.Fprintf(lines, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%.1f s\t%.0f s\t  %v (%s)\n",
			r.orders, r.ends["completed"], r.ends["rejected"], r.ends["canceled"], r.wrong, r.sums.Charges, r.sums.Declined, r.sums.Refunds,
			euros(r.sums.Charged), euros(r.sums.Refunded), euros(r.sums.Kept), euros(r.off), len(r.disorder),
			r.rest.Seconds(), r.took.Seconds(), r.kills, r.scenario)
	}
	_ = lines.Flush() // standard output
}

func euros(cents int64) string { return fmt.Sprintf("%d.%02d EUR", cents/100, max(cents, -cents)%100) }
