package estest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// Matrix says what an aggregate in every situation answers to every command. It is
// a table for people, which is held against the aggregate.
type Matrix[S es.Folded[S, E], E es.Event] struct {
	// Table has a row per situation and a column per command. A cell is the events
	// that follow, after an arrow and joined by plus signs, or the code of the
	// rejection, or "nothing". To fit on a screen it may be in parts; each of them has
	// a line of its own for the names of its columns.
	Table []string

	// Situations are the lives that lead to each row.
	Situations map[string][][]E

	// Commands are the columns.
	Commands map[string]func(S) ([]E, error)

	// Spare is the number of columns beyond one per decision, for decisions that have
	// several.
	Spare int
}

// Test wants every answer to be as the table says, and the table to be complete:
// with all situations, all commands, a column for every decision, and a row for
// every state that commands lead to.
func (m Matrix[S, E]) Test(t *testing.T) {
	t.Helper()
	for _, objection := range m.Objections() {
		t.Error(objection)
	}
}

// Objections returns what is wrong with the matrix.
func (m Matrix[S, E]) Objections() []string {
	rows, objections := m.read()
	if len(objections) > 0 {
		return objections
	}
	return slices.Concat(m.gaps(rows), m.wrongAnswers(rows), m.wrongDecisions(), m.wrongStates())
}

// read returns the cells by situation and command.
func (m Matrix[S, E]) read() (rows map[string]map[string]string, objections []string) {
	rows = map[string]map[string]string{}
	for _, part := range m.Table {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		columns := strings.Fields(lines[0])[1:]
		for _, line := range lines[1:] {
			cells := strings.Fields(line)
			situation := cells[0]
			if len(cells)-1 != len(columns) {
				objections = append(objections, fmt.Sprintf("%s has %d cells, want %v", situation, len(cells)-1, columns))
				continue
			}
			if rows[situation] == nil {
				rows[situation] = map[string]string{}
			}
			for i, command := range columns {
				if _, ok := rows[situation][command]; ok {
					objections = append(objections, fmt.Sprintf("%s × %s is in the matrix twice", situation, command))
				}
				rows[situation][command] = cells[i+1]
			}
		}
	}
	return rows, objections
}

// gaps names the rows and the columns that are missing, or too many.
func (m Matrix[S, E]) gaps(rows map[string]map[string]string) (objections []string) {
	if got, want := slices.Sorted(maps.Keys(rows)), slices.Sorted(maps.Keys(m.Situations)); !slices.Equal(got, want) {
		objections = append(objections, fmt.Sprintf("the matrix has the rows\n\t%v\nwant\n\t%v", got, want))
	}
	columns := slices.Sorted(maps.Keys(m.Commands))
	for situation, row := range rows {
		if got := slices.Sorted(maps.Keys(row)); !slices.Equal(got, columns) {
			objections = append(objections, fmt.Sprintf("%s has the columns\n\t%v\nwant\n\t%v", situation, got, columns))
		}
	}
	return objections
}

// wrongAnswers names the cells that the aggregate contradicts.
func (m Matrix[S, E]) wrongAnswers(rows map[string]map[string]string) (objections []string) {
	for situation, histories := range m.Situations {
		for command, decide := range m.Commands {
			for _, history := range histories {
				if got, want := answer(decide(fold[S](history))), rows[situation][command]; got != want {
					objections = append(objections, fmt.Sprintf("%s × %s: after %v the answer is %s, want %s",
						situation, command, typesOf(history), got, want))
				}
			}
		}
	}
	return objections
}

// wrongDecisions counts the methods that decide something.
func (m Matrix[S, E]) wrongDecisions() []string {
	decides := reflect.TypeFor[func(S, time.Time) ([]E, error)]()
	columns := m.Spare
	for method := range reflect.TypeFor[S]().Methods() {
		f := method.Type
		if f.NumOut() == 2 && f.Out(0) == decides.Out(0) && f.Out(1) == decides.Out(1) {
			columns++
		}
	}
	if columns != len(m.Commands) {
		return []string{fmt.Sprintf("the matrix has %d columns, but there are decisions for %d", len(m.Commands), columns)}
	}
	return nil
}

// wrongStates wants the states that any sequence of commands can reach to be those
// of the situations, down to the last field, and no two situations to be the same.
func (m Matrix[S, E]) wrongStates() (objections []string) {
	known := map[string]string{}
	for situation, histories := range m.Situations {
		for _, history := range histories {
			state := form(fold[S](history))
			if other, ok := known[state]; ok && other != situation {
				objections = append(objections, fmt.Sprintf("%s and %s are the same state", situation, other))
			}
			known[state] = situation
		}
	}
	reached := m.reach(known)
	for state, path := range reached {
		if _, ok := known[state]; !ok {
			objections = append(objections, fmt.Sprintf("%v lead to a state that is not in situations: %s", path, state))
		}
	}
	for state, situation := range known {
		if _, ok := reached[state]; !ok {
			objections = append(objections, fmt.Sprintf("no commands lead to %s: %s", situation, state))
		}
	}
	return objections
}

// reach returns the commands that lead to each state that can be reached. From a state
// that is not known it goes no further, since there might be no end to it.
func (m Matrix[S, E]) reach(known map[string]string) map[string][]string {
	none := fold[S, E](nil)
	reached := map[string][]string{form(none): nil}
	for next := []S{none}; len(next) > 0; {
		var found []S
		for _, state := range next {
			for name, decide := range m.Commands {
				events, _ := decide(state) // a refusal leads nowhere
				after := es.Fold(state, events...)
				if _, ok := reached[form(after)]; !ok {
					reached[form(after)] = append(slices.Clone(reached[form(state)]), name)
					if _, ok := known[form(after)]; ok {
						found = append(found, after)
					}
				}
			}
		}
		next = found
	}
	return reached
}

func fold[S es.Folded[S, E], E any](history []E) S {
	var none S
	return es.Fold(none, history...)
}

// form shows all of a state, so that states with maps can be compared as well.
func form[S any](state S) string { return fmt.Sprintf("%+v", state) }

// answer puts a decision into the words of the matrix.
func answer[E es.Event](events []E, err error) string {
	switch {
	case err == nil && len(events) == 0:
		return "nothing"
	case err == nil:
		return "→" + strings.Join(typesOf(events), "+")
	}
	if no, ok := errors.AsType[es.Rejection](err); ok && len(events) == 0 {
		return no.RejectionCode()
	}
	return fmt.Sprintf("%v and %T: %v", typesOf(events), err, err)
}

// typesOf are the names of events, without the aggregate that they all begin with.
func typesOf[E es.Event](events []E) []string {
	names := make([]string, len(events))
	for i, e := range events {
		_, names[i], _ = strings.Cut(e.EventType(), ".")
	}
	return names
}
