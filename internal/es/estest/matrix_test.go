package estest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es/estest"
)

// door is a state that can be open or shut, and wears out by slamming.
type door struct {
	open bool
	worn int
}

type moved struct {
	Open bool
	Wear int
}

func (m moved) EventType() string {
	if m.Open {
		return "door.opened"
	}
	return "door.shut"
}

func (d door) Evolve(m moved) door { return door{m.Open, d.worn + m.Wear} }

type locked struct{}

func (locked) Error() string         { return "it is locked" }
func (locked) RejectionCode() string { return "locked" }

func (d door) Open(time.Time) ([]moved, error) {
	if d.open {
		return nil, locked{}
	}
	return []moved{{Open: true}}, nil
}

func (d door) Shut(time.Time) ([]moved, error) {
	if !d.open {
		return nil, nil
	}
	return []moved{{Open: false}}, nil
}

type doors = estest.Matrix[door, moved]

// ofDoors is a matrix without a mistake.
func ofDoors() doors {
	return doors{
		Table: []string{`
situation  open
shut       →opened
open       locked
`, `
situation  shut
shut       nothing
open       →shut
`},
		Situations: map[string][][]moved{"shut": {nil, {{Open: true}, {Open: false}}}, "open": {{{Open: true}}}},
		Commands: map[string]func(door) ([]moved, error){
			"open": func(d door) ([]moved, error) { return d.Open(time.Time{}) },
			"shut": func(d door) ([]moved, error) { return d.Shut(time.Time{}) },
		},
	}
}

func TestMatrixPassesWhenItSaysAllThereIs(t *testing.T) {
	t.Parallel()
	ofDoors().Test(t)
}

func TestMatrixObjectsToWhatIsWrong(t *testing.T) {
	t.Parallel()
	never := func(door) ([]moved, error) { return nil, nil }
	for name, test := range map[string]struct {
		spoil func(*doors)
		want  string
	}{
		"another event":    {func(m *doors) { m.Table[1] = strings.Replace(m.Table[1], "→shut", "→slammed", 1) }, "open × shut: after [opened] the answer is →shut, want →slammed"},
		"another code":     {func(m *doors) { m.Table[0] = strings.Replace(m.Table[0], "locked", "rusty", 1) }, "open × open: after [opened] the answer is locked, want rusty"},
		"a silence":        {func(m *doors) { m.Table[1] = strings.Replace(m.Table[1], "nothing", "→shut", 1) }, "shut × shut: after [] the answer is nothing, want →shut"},
		"a second history": {func(m *doors) { m.Situations["open"] = append(m.Situations["open"], nil) }, "open × open: after [] the answer is →opened, want locked"},
		"a failure": {func(m *doors) {
			m.Commands["shut"] = func(door) ([]moved, error) { return nil, errors.New("broken") }
		}, "shut × shut: after [] the answer is [] and *errors.errorString: broken, want nothing"},
		"a rejection with events": {func(m *doors) {
			m.Commands["open"] = func(door) ([]moved, error) { return []moved{{Open: true}}, locked{} }
		}, "open × open: after [opened] the answer is [opened] and estest_test.locked: it is locked, want locked"},
		"a row too few":       {func(m *doors) { m.Table[1] = strings.Replace(m.Table[1], "open       →shut\n", "", 1) }, "open has the columns\n\t[open]\nwant\n\t[open shut]"},
		"a row too many":      {func(m *doors) { m.Table[1] += "ajar nothing\n" }, "the matrix has the rows\n\t[ajar open shut]\nwant\n\t[open shut]"},
		"a row twice":         {func(m *doors) { m.Table[1] += "open →shut\n" }, "open × shut is in the matrix twice"},
		"a cell too many":     {func(m *doors) { m.Table[1] += "ajar nothing nothing\n" }, "ajar has 2 cells, want [shut]"},
		"a decision too few":  {func(m *doors) { delete(m.Commands, "shut") }, "the matrix has 1 columns, but there are decisions for 2"},
		"a decision too many": {func(m *doors) { m.Commands["slam"] = never }, "the matrix has 3 columns, but there are decisions for 2"},
		"a state too few":     {func(m *doors) { delete(m.Situations, "open") }, "[open] lead to a state that is not in situations: {open:true worn:0}"},
		"a state too many":    {func(m *doors) { m.Commands["open"] = never }, "no commands lead to open: {open:true worn:0}"},
		"states without end": {func(m *doors) {
			m.Commands["shut"] = func(door) ([]moved, error) { return []moved{{Wear: 1}}, nil }
		}, "[shut] lead to a state that is not in situations: {open:false worn:1}"},
		"one state twice": {func(m *doors) { m.Situations["ajar"] = [][]moved{{{Open: true}}} }, " are the same state"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := ofDoors()
			test.spoil(&m)
			if got := strings.Join(m.Objections(), "\n"); !strings.Contains(got, test.want) {
				t.Errorf("the objections are\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestMatrixHasSpareColumnsForDecisionsThatHaveSeveral(t *testing.T) {
	t.Parallel()
	m := ofDoors()
	m.Spare = 1
	m.Commands["open-again"] = m.Commands["open"]
	m.Table = append(m.Table, "situation open-again\nshut →opened\nopen locked")
	m.Test(t)
}
