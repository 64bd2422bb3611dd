package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// ProcessCounts is how many processes of one manager are in a state that somebody
// should watch. A process may be in several.
type ProcessCounts struct {
	Open     int // are not done
	Troubled int // are not done and in trouble
	Overdue  int // have a timer that should have fired
}

// Counts counts processes, those as overdue that have a timer from before a time. A wish
// to retry has no such time; it is overdue when nothing happened to the process since.
//
// It reads processes that are not done, and of the others nothing but overdue timers.
func (p Processes[S]) Counts(ctx context.Context, overdue time.Time) (ProcessCounts, error) {
	var n ProcessCounts
	err := p.Store.queryRow(ctx, "SELECT COUNT(*), COUNT(CASE WHEN trouble <> '' THEN 1 END) FROM processes"+
		fmt.Sprintf(p.Store.dialect.through, "processes_newest")+" WHERE name = ? AND done = 0", []any{p.Name}, &n.Open, &n.Troubled)
	if err != nil {
		return ProcessCounts{}, fmt.Errorf("count open processes of %s: %w", p.Name, err)
	}
	before := ceilMicro(overdue)
	err = p.Store.queryRow(ctx, "SELECT COUNT(*) FROM processes"+fmt.Sprintf(p.Store.dialect.through, "processes_due")+
		" WHERE name = ? AND due_at < ? AND (due_at >= ? OR updated_at < ?)", []any{p.Name, before, es.RetriesEnd().UnixMicro(), before}, &n.Overdue)
	if err != nil {
		return ProcessCounts{}, fmt.Errorf("count overdue processes of %s: %w", p.Name, err)
	}
	return n, nil
}
