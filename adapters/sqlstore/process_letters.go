package sqlstore

import (
	"context"
	"strconv"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
)

// What a dead letter says about the event that it holds, as it was published.
const (
	eventsHandler = "millrace.events." // and the name of the manager
	streamHeader  = "ce_stream"
	versionHeader = "ce_streamversion"
	typeHeader    = "ce_type"
)

// maxLetters is how many dead letters of one manager are looked through.
const maxLetters = 10_000

// letters returns the dead letters of the managers of some processes, by their names.
func (r ProcessRows) letters(ctx context.Context, rows []query.ProcessRow) (map[string][]query.ProcessLetter, error) {
	all := map[string][]query.ProcessLetter{}
	for _, p := range rows {
		if _, known := all[p.Name]; known {
			continue
		}
		found, err := r.Store.deadLetters(ctx, "SELECT "+letterColumns+" FROM dead_letters WHERE handler = ? ORDER BY died_at, id LIMIT ?",
			eventsHandler+p.Name, maxLetters)
		if err != nil {
			return nil, err
		}
		all[p.Name] = make([]query.ProcessLetter, 0, len(found))
		for _, l := range found {
			version, err := strconv.ParseInt(l.Metadata[versionHeader], 10, 64)
			if err != nil {
				continue // it holds no event that could be read
			}
			all[p.Name] = append(all[p.Name], query.ProcessLetter{
				ID: l.ID, Event: l.Metadata[typeHeader], Stream: es.Stream(l.Metadata[streamHeader]),
				Version: es.Version(version), Error: l.Error,
			})
		}
	}
	return all, nil
}

// lettersAbout returns those letters that are about a stream of a process, or about one
// with its id, unless it has seen the event since.
func lettersAbout(p query.ProcessRow, letters []query.ProcessLetter) []query.ProcessLetter {
	var about []query.ProcessLetter
	for _, l := range letters {
		seen, its := p.Streams[l.Stream]
		if (its || l.Stream.ID() == p.ID) && l.Version > seen {
			about = append(about, l)
		}
	}
	return about
}
