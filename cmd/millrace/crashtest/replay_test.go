package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	app "github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/internal/es"
)

// replay runs a process again over its steps, and holds what it sends and what it is
// in the end against what it has sent and is. It tells begin of each step before. Of
// the state it compares what a function leaves of it.
func replay[S es.Folded[S, es.Event]](b *book, f *findings, k processKey, row processRow, p es.Process[S], begin func(es.ProcessStep), leave func(S) S) {
	state, seen := p.New(k.id), map[es.Stream]es.Version{}
	for _, step := range row.steps {
		begin(step)
		e, ok := b.eventOf(step, seen)
		if !ok {
			f.add("%s %s has seen %+v after %v", k.name, k.id, step, seen)
			return
		}
		if step.Stream != "" && p.Subject(step.Stream, e) != k.id {
			f.add("%s %s has seen %s, which is about %s", k.name, k.id, step.Stream, p.Subject(step.Stream, e))
		}
		state = state.Evolve(e)
		r, err := p.React(context.Background(), state, e)
		if err != nil {
			f.add("%s %s: %v", k.name, k.id, err)
			return
		}
		b.checkReaction(f, k, step, r.Send)
		state = es.Fold(state, r.Learned...)
	}
	if n := es.Version(len(row.steps)); row.version != n {
		f.add("%s %s is at version %d after %d steps", k.name, k.id, row.version, n)
	}
	if !maps.Equal(b.seen[k], seen) {
		f.add("%s %s is noted to have seen %v, and has seen %v", k.name, k.id, b.seen[k], seen)
	}
	var kept S
	if err := json.Unmarshal(row.state, &kept); err != nil {
		f.add("%s %s: %v", k.name, k.id, err)
		return
	}
	if got, want := encoded(leave(kept)), encoded(leave(state)); got != want {
		f.add("%s %s at version %d is\n%s\nand after its steps\n%s", k.name, k.id, row.version, got, want)
	}
	checkWaiting(f, k, row, p, kept)
}

// checkWaiting holds what a process is noted to wait for against its state.
func checkWaiting[S es.Folded[S, es.Event]](f *findings, k processKey, row processRow, p es.Process[S], state S) {
	if want := p.Standing(state); row.standing != want {
		f.add("%s %s is noted to be %+v, and is %+v", k.name, k.id, row.standing, want)
	}
	var want []es.Timer
	if p.Timers != nil {
		want = p.Timers(state)
	}
	same := func(a, b es.Timer) bool { return a.Name == b.Name && a.At.UnixMicro() == b.At.UnixMicro() }
	if !slices.EqualFunc(row.timers, want, same) {
		f.add("%s %s is noted to wait for %v, and waits for %v", k.name, k.id, row.timers, want)
	}
}

func encoded(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// eventOf returns what a process has seen at a step, and counts it. It returns false
// unless that is the next event of its stream.
func (b *book) eventOf(step es.ProcessStep, seen map[es.Stream]es.Version) (e es.Event, ok bool) {
	switch {
	case step.Stream == "" && step.Timer == "":
		return es.Retried{}, true
	case step.Stream == "":
		return es.Elapsed{Timer: step.Timer}, true
	}
	i := int(seen[step.Stream])
	if i >= len(b.streams[step.Stream]) {
		return nil, false
	}
	seen[step.Stream]++
	r := b.streams[step.Stream][i]
	return b.events[step.Stream][i], step.Version == r.Version && step.EventID == r.ID && step.Event == r.Type
}

// commands turns commands into bytes.
var commands = sync.OnceValues(app.NewCodec)

// checkReaction holds the commands of a step against what follows from it.
func (b *book) checkReaction(f *findings, k processKey, step es.ProcessStep, due []es.Command) {
	codec, err := commands()
	if err != nil {
		f.add("%v", err)
		return
	}
	var got, want []string
	for _, c := range due {
		e, err := es.Seal(codec, c)
		if err != nil {
			f.add("%s %s: %v", k.name, k.id, err)
		}
		want = append(want, fmt.Sprintf("%s of %s: %s", e.Type, e.Target, e.Payload))
	}
	for _, c := range step.Sent {
		got = append(got, fmt.Sprintf("%s of %s: %s", c.Type, c.Target, b.commands[c.ID].payload))
	}
	if !slices.Equal(got, want) {
		f.add("%s %s has sent\n%s\nat %s %s, want\n%s", k.name, k.id, strings.Join(got, "\n"), step.Event, step.EventID, strings.Join(want, "\n"))
	}
}
