package query

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// ProcessRow is a process as it is kept, and what is known about it besides.
type ProcessRow struct {
	Name      string // of its manager
	ID        string
	Instance  es.Instance[json.RawMessage]
	UpdatedAt time.Time
	Streams   map[es.Stream]es.Version // how far it has seen them
	Outcomes  map[string]es.Outcome    // of the commands that it sent, by their ids; those that have one
	Letters   []ProcessLetter          // what its manager has given up on
}

// ProcessLetter is a dead letter about an event that a process has not seen.
type ProcessLetter struct {
	ID      string
	Process string // the id of the process that the event belongs to; empty if the event cannot be read
	Event   string // its type
	Stream  es.Stream
	Version es.Version
	Error   string
}

// ProcessPlace is where a page of processes ends and the next one begins. The zero
// place is the beginning.
type ProcessPlace struct {
	StartedAt time.Time
	ID, Name  string
}

// Place is the place of a process in lists.
func (p ProcessRow) Place() ProcessPlace { return ProcessPlace{p.Instance.StartedAt, p.ID, p.Name} }

// ListProcesses asks for processes that match every field that is set, newest first.
type ListProcesses struct {
	Name  string
	Done  *bool
	After ProcessPlace
	Limit int
}

// Processes answers questions about processes.
type Processes interface {
	// Process returns one process, or es.ErrNoProcess.
	Process(ctx context.Context, name, id string) (ProcessRow, error)

	// ProcessesWith returns the processes of all managers that have an id, by the
	// names of these.
	ProcessesWith(ctx context.Context, id string) ([]ProcessRow, error)

	// ListProcesses returns at most Limit processes.
	ListProcesses(context.Context, ListProcesses) ([]ProcessRow, error)

	// ProcessesWithLetters returns the processes that a dead letter is about, of one
	// manager or, without a name, of all.
	ProcessesWithLetters(ctx context.Context, name string) ([]ProcessRow, error)
}

// mainProcess is the manager whose process is meant when only an id is given.
const mainProcess = "checkout"

// FindProcess returns the process that somebody names: by its manager, a dash and its
// id, or by its id alone. An id alone means the checkout of that order if there is one,
// or else the process of whichever manager has it. It returns es.ErrNoProcess if there
// is none.
func FindProcess(ctx context.Context, processes Processes, named string) (ProcessRow, error) {
	rows, err := processes.ProcessesWith(ctx, named)
	if err != nil {
		return ProcessRow{}, err
	}
	if i := slices.IndexFunc(rows, func(p ProcessRow) bool { return p.Name == mainProcess }); i >= 0 {
		return rows[i], nil
	}
	if len(rows) > 0 {
		return rows[0], nil
	}
	name, id, found := strings.Cut(named, "-")
	if !found {
		return ProcessRow{}, es.ErrNoProcess
	}
	return processes.Process(ctx, name, id)
}

// StuckProcesses returns processes that do not get on, newest first. It looks through
// all that are not done, a page at a time, until it has found as many as asked for, and
// through those that are done but for a dead letter.
func StuckProcesses(ctx context.Context, processes Processes, q ListProcesses, now time.Time) ([]ProcessRow, error) {
	var stuck []ProcessRow
	if q.Done == nil || !*q.Done {
		some, err := stuckWhileOpen(ctx, processes, q, now)
		if err != nil {
			return nil, err
		}
		stuck = some
	}
	if q.Done == nil || *q.Done {
		some, err := processes.ProcessesWithLetters(ctx, q.Name)
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			inRange := q.After == ProcessPlace{} || newestFirst(p.Place(), q.After) > 0
			if p.Instance.Standing.Done && inRange && len(p.Stuck(now)) > 0 {
				stuck = append(stuck, p)
			}
		}
	}
	slices.SortFunc(stuck, func(a, b ProcessRow) int { return newestFirst(a.Place(), b.Place()) })
	return stuck[:min(len(stuck), q.Limit)], nil
}

func stuckWhileOpen(ctx context.Context, processes Processes, q ListProcesses, now time.Time) ([]ProcessRow, error) {
	const page = 200
	want := q.Limit
	q.Done, q.Limit = new(false), page
	var stuck []ProcessRow
	for {
		rows, err := processes.ListProcesses(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, p := range rows {
			if len(p.Stuck(now)) == 0 {
				continue
			}
			if stuck = append(stuck, p); len(stuck) == want {
				return stuck, nil
			}
		}
		if len(rows) < page {
			return stuck, nil
		}
		q.After = rows[page-1].Place()
	}
}

func newestFirst(a, b ProcessPlace) int {
	return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.ID, a.ID), cmp.Compare(b.Name, a.Name))
}
