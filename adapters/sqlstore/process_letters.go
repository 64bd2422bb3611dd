package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
)

// maxLetters is how many dead letters of one manager are looked through, the newest.
const maxLetters = 1000

// ProcessesWithLetters implements query.Processes.
func (r ProcessRows) ProcessesWithLetters(ctx context.Context, name string) ([]query.ProcessRow, error) {
	names, err := r.names(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var rows []query.ProcessRow
	letters := map[string][]query.ProcessLetter{}
	for _, name := range names {
		if letters[name], err = r.letters(ctx, name); err != nil {
			return nil, err
		}
		ids, err := r.addressees(ctx, name, letters[name])
		if err != nil {
			return nil, fmt.Errorf("read whom the dead letters of %s are about: %w", name, err)
		}
		found, err := r.load(ctx, ids)
		if err != nil {
			return nil, fmt.Errorf("read %d processes: %w", len(ids), err)
		}
		for key, p := range found {
			if key.name == name {
				rows = append(rows, p)
			}
		}
	}
	err = r.completeWith(ctx, rows, letters)
	return slices.DeleteFunc(rows, func(p query.ProcessRow) bool { return len(p.Letters) == 0 }), err
}

// addressees returns the ids that the processes may have that letters are about.
func (r ProcessRows) addressees(ctx context.Context, name string, letters []query.ProcessLetter) ([]string, error) {
	ids, streams := map[string]bool{}, map[es.Stream]bool{}
	for _, l := range letters {
		if l.Process != "" {
			ids[l.Process] = true
			continue
		}
		ids[l.Stream.ID()], streams[l.Stream] = true, true
	}
	its := map[processKey]map[es.Stream]es.Version{}
	for part := range slices.Chunk(slices.Collect(maps.Keys(streams)), maxKeys) {
		args := fill(part)
		rows, err := r.Store.query(ctx, "SELECT name, id, stream, version FROM process_streams WHERE name = ? AND stream IN ("+
			list("?", ",", len(args))+")", append([]any{name}, args...)...)
		if err != nil {
			return nil, err
		}
		if err := scanSeen(rows, its); err != nil {
			return nil, err
		}
	}
	for key := range its {
		ids[key.id] = true
	}
	return slices.Collect(maps.Keys(ids)), nil
}

// letters returns the dead letters of a manager that hold an event.
func (r ProcessRows) letters(ctx context.Context, name string) ([]query.ProcessLetter, error) {
	found, err := r.Store.deadLetters(ctx, "SELECT "+letterColumns+" FROM dead_letters WHERE handler = ? ORDER BY died_at DESC, id DESC LIMIT ?",
		r.Handler(name), maxLetters)
	if err != nil {
		return nil, fmt.Errorf("read the dead letters of %s: %w", name, err)
	}
	slices.Reverse(found)
	letters := make([]query.ProcessLetter, 0, len(found))
	for _, l := range found {
		if e, process, err := r.Event(name, l); err == nil {
			letters = append(letters, query.ProcessLetter{
				ID: l.ID, Process: process, Event: e.Type, Stream: e.Stream, Version: e.Version, Error: l.Error,
			})
		}
	}
	return letters, nil
}

// lettersAbout returns those letters that are about a process, unless it has seen the
// event since. Where the event cannot be read, it is about whoever has seen more of its
// stream, or has its id.
func lettersAbout(p query.ProcessRow, letters []query.ProcessLetter) []query.ProcessLetter {
	var about []query.ProcessLetter
	for _, l := range letters {
		seen, its := p.Streams[l.Stream]
		if l.Process != "" {
			its = l.Process == p.ID
		} else {
			its = its || l.Stream.ID() == p.ID
		}
		if its && l.Version > seen {
			about = append(about, l)
		}
	}
	return about
}
