package es

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// maxSteps is how many steps of a process are kept. The first and the last tell most,
// so those in between go first.
const maxSteps = 200

// see returns a move after one more input, with the reaction to it. A panic in the
// process is an error like any other.
func (m *Manager[S]) see(ctx context.Context, move Move[S], in input) (next Move[S], err error) {
	err = safely(func() (err error) {
		next, err = m.step(ctx, move, in)
		return err
	})
	if err != nil {
		return move, fmt.Errorf("%s %s: see %s %s: %w", m.Process.Name, move.ID, in.step.Event, in.step.EventID, err)
	}
	if in.step.Stream != "" {
		next.Seen[in.step.Stream] = in.step.Version
	}
	return next, nil
}

func (m *Manager[S]) step(ctx context.Context, move Move[S], in input) (Move[S], error) {
	state := move.State.Evolve(in.event)
	r, err := m.Process.React(ctx, state, in.event)
	if err != nil {
		return move, err
	}
	commands, err := m.seal(move, in, r.Send)
	if err != nil {
		return move, err
	}
	for _, c := range commands {
		in.step.Sent = append(in.step.Sent, SentCommand{c.ID, c.Type, c.Target})
	}
	in.step.At = m.now()
	move.State, move.Version = Fold(state, r.Learned...), move.Version+1
	move.Steps = keep(move.Steps, in.step)
	move.Send = append(move.Send, commands...)
	move.CorrelationID = cmp.Or(move.CorrelationID, in.from.CorrelationID)
	move.Timers, move.Standing = m.timers(move), m.Process.Standing(move.State)
	return move, nil
}

// keep adds a step, to a list of its own.
func keep(steps []ProcessStep, s ProcessStep) []ProcessStep {
	steps = append(slices.Clone(steps), s)
	if over := len(steps) - maxSteps; over > 0 {
		steps = slices.Delete(steps, maxSteps/2, maxSteps/2+over)
	}
	return steps
}

// timers returns what a process waits for now. A timer that the manager has set
// itself stays until it fires.
func (m *Manager[S]) timers(move Move[S]) []Timer {
	var timers []Timer
	for _, t := range move.Timers {
		if t.IsRetry() {
			timers = append(timers, t)
		}
	}
	if m.Process.Timers != nil {
		timers = append(timers, m.Process.Timers(move.State)...)
	}
	for i := range timers {
		timers[i].At = timers[i].At.UTC().Truncate(time.Microsecond)
	}
	return timers
}

// elapse lets a process see one of its timers.
func (m *Manager[S]) elapse(ctx context.Context, move Move[S], t Timer) (Move[S], error) {
	in := input{event: Elapsed{Timer: t.Name, At: t.At}, at: t.At, step: ProcessStep{Timer: t.Name}}
	if t.IsRetry() {
		in.at = m.now()
		in.event, in.step.Timer = Retried{At: in.at}, ""
	}
	in.step.Event = in.event.EventType()
	in.step.EventID = DeriveID("timer", m.Process.Name, move.ID, t.Name, strconv.FormatInt(t.At.UnixMicro(), 10))
	same := func(other Timer) bool { return other.Name == t.Name && other.At.Equal(t.At) }
	before := move
	before.Timers = slices.DeleteFunc(slices.Clone(move.Timers), same)
	after, err := m.see(ctx, before, in)
	if err != nil {
		return move, err
	}
	if slices.ContainsFunc(after.Timers, same) {
		return move, fmt.Errorf("%s %s: the timer %s was seen and is still waited for", m.Process.Name, move.ID, t.Name)
	}
	return after, nil
}

// seal makes commands ready to be sent. Their ids are derived from what they answer, so
// that a process which sees it again sends nothing twice. They count as accepted when
// that happened, but not later than now: whoever sends again what has no outcome goes by
// the clocks of these hosts.
func (m *Manager[S]) seal(move Move[S], in input, commands []Command) ([]Envelope, error) {
	accepted := in.at
	if now := m.now(); now.Before(accepted) { // where it happened, the clock is ahead
		accepted = now
	}
	sealed := make([]Envelope, len(commands))
	for i, c := range commands {
		e, err := Seal(m.Commands, c)
		if err != nil {
			return nil, err
		}
		e.ID = DeriveID(m.Process.Name, move.ID, in.step.EventID, e.Type, strconv.Itoa(i))
		e.AcceptedAt = accepted
		e.Metadata = Metadata{
			CorrelationID: cmp.Or(in.from.CorrelationID, move.CorrelationID),
			CausationID:   in.step.EventID,
			Traceparent:   in.from.Traceparent,
			Actor:         "process:" + m.Process.Name,
		}
		sealed[i] = e
	}
	return sealed, nil
}
