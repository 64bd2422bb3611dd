package viewtest

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/app/query"
)

// place is what lists are sorted by.
type place struct {
	at time.Time
	id string
}

func (p place) compare(q place) int {
	if c := p.at.Compare(q.at); c != 0 {
		return c
	}
	return strings.Compare(p.id, q.id)
}

func placesOf[R any](rows []R, of func(R) place) []place {
	all := make([]place, len(rows))
	for i, r := range rows {
		all[i] = of(r)
	}
	return all
}

// moments returns n times, of which many are the same.
func moments(n int) []time.Time {
	all := make([]time.Time, n)
	for i := range all {
		all[i] = noon.Add(time.Duration(i/15) * time.Microsecond)
	}
	return all
}

// collect reads page after page.
func collect(t *testing.T, limit int, page func(after query.Place) []place) []place {
	t.Helper()
	var all []place
	for after := (query.Place{}); ; {
		found := page(after)
		if len(found) > limit {
			t.Fatalf("a page holds %d, want at most %d", len(found), limit)
		}
		all = append(all, found...)
		if len(found) < limit {
			return all
		}
		last := found[len(found)-1]
		after = query.Place{CreatedAt: last.at, ID: last.id}
	}
}
