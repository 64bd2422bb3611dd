package es

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Manager runs the processes of one kind. Each sees every event of its streams once
// and in their order, whatever the broker does, because it reads them from the store
// and saves how far it has got together with what came of them.
type Manager[S Folded[S, Event]] struct {
	Process   Process[S]
	Store     Store
	Events    *Codec[Event]
	Commands  *Codec[Command]
	Processes Processes[S]
	Now       func() time.Time

	// Sent is told of the commands that were accepted.
	Sent func(context.Context, []Envelope)
}

// maxSteps is how many steps of a process are kept. The first and the last tell most,
// so those in between go first.
const maxSteps = 200

// retryTimer is a timer that the manager sets itself, when it is asked to retry.
const retryTimer = "process.retry"

// input is something that a process is to see.
type input struct {
	event Event
	step  ProcessStep
	from  Metadata
	at    time.Time // when it happened
}

// CatchUp lets the processes see what is new in some streams. An event message is
// only a hint to call it: calling it late, twice or out of order does no harm.
func (m *Manager[S]) CatchUp(ctx context.Context, streams ...Stream) error {
	for len(streams) > 0 {
		inputs, broken := m.read(ctx, streams)
		moves, stuck := m.moves(ctx, inputs)
		if moves == nil && errors.Join(broken, stuck) != nil {
			return errors.Join(broken, stuck)
		}
		again, err := m.save(ctx, moves)
		if err = errors.Join(err, broken, stuck); err != nil {
			return err
		}
		streams = nil
		for _, move := range again {
			streams = slices.AppendSeq(streams, maps.Keys(move.Seen))
		}
	}
	return nil
}

// read returns what the processes have not seen of some streams, by their ids. With an
// error comes what could be read.
func (m *Manager[S]) read(ctx context.Context, streams []Stream) (map[string][]input, error) {
	seen, err := m.Processes.Seen(ctx, streams)
	if err != nil {
		return nil, fmt.Errorf("look what was seen of %d streams: %w", len(streams), err)
	}
	tails := make([]Tail, len(streams))
	for i, s := range streams {
		tails[i] = Tail{Stream: s, After: seen[s]}
	}
	inputs, broken := map[string][]input{}, map[Stream]error{}
	for r, err := range m.Store.ReadTails(ctx, tails) {
		if err != nil {
			return inputs, fmt.Errorf("read %d streams: %w", len(tails), err)
		}
		if broken[r.Stream] != nil {
			continue // what comes after it has to wait
		}
		e, err := DecodeRecord(m.Events, r)
		if err != nil {
			broken[r.Stream] = err
			continue
		}
		id := m.Process.Subject(r.Stream, e)
		inputs[id] = append(inputs[id], input{
			event: e, from: r.Metadata, at: r.OccurredAt,
			step: ProcessStep{Event: r.Type, EventID: r.ID, Stream: r.Stream, Version: r.Version},
		})
	}
	for _, of := range inputs { // what happened first is seen first, as far as clocks can tell
		slices.SortStableFunc(of, func(a, b input) int { return a.at.Compare(b.at) })
	}
	return inputs, errors.Join(slices.Collect(maps.Values(broken))...)
}

// moves lets processes see their inputs. With an error come the moves as far as they
// got: what a reaction has done is not to be done again because a later one fails.
func (m *Manager[S]) moves(ctx context.Context, inputs map[string][]input) ([]Move[S], error) {
	ids := slices.Sorted(maps.Keys(inputs))
	if len(ids) == 0 {
		return nil, nil
	}
	were, err := m.Processes.Load(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load %d processes: %w", len(ids), err)
	}
	var errs []error
	moves := make([]Move[S], len(ids))
	for i, id := range ids {
		moves[i] = m.begin(id, were[id])
		for _, in := range inputs[id] {
			if err := m.see(ctx, &moves[i], in); err != nil {
				errs = append(errs, err)
				break
			}
		}
	}
	return moves, errors.Join(errs...)
}

func (m *Manager[S]) begin(id string, was Instance[S]) Move[S] {
	move := Move[S]{ID: id, From: was.Version, Instance: was, Seen: map[Stream]Version{}}
	if was.Version == 0 {
		move.StartedAt = m.now()
		if m.Process.New != nil {
			move.State = m.Process.New(id)
		}
	}
	move.Steps = slices.Clip(move.Steps)
	return move
}

func (m *Manager[S]) now() time.Time { return m.Now().UTC().Truncate(time.Microsecond) }

// see folds one input into a move, with the reaction to it.
func (m *Manager[S]) see(ctx context.Context, move *Move[S], in input) error {
	state := move.State.Evolve(in.event)
	r, err := m.Process.React(ctx, state, in.event)
	if err != nil {
		return fmt.Errorf("%s %s: react to %s: %w", m.Process.Name, move.ID, in.event.EventType(), err)
	}
	commands, err := m.seal(move, in, r.Send)
	if err != nil {
		return err
	}
	for _, c := range commands {
		in.step.Sent = append(in.step.Sent, SentCommand{c.ID, c.Type, c.Target})
	}
	in.step.At = m.now()
	move.State, move.Version = Fold(state, r.Learned...), move.Version+1
	move.Steps = append(move.Steps, in.step)
	if len(move.Steps) > maxSteps {
		move.Steps = slices.Delete(move.Steps, maxSteps/2, maxSteps/2+1)
	}
	if in.step.Stream != "" {
		move.Seen[in.step.Stream] = in.step.Version
	}
	move.CorrelationID = cmp.Or(move.CorrelationID, in.from.CorrelationID)
	move.Send = append(move.Send, commands...)
	m.wait(move)
	return nil
}

// wait sets the timers that the process waits for now. One that the manager has set
// itself stays until it fires.
func (m *Manager[S]) wait(move *Move[S]) {
	own := slices.DeleteFunc(slices.Clone(move.Timers), func(t Timer) bool { return t.Name != retryTimer })
	move.Timers, move.Standing = own, m.Process.Standing(move.State)
	if m.Process.Timers != nil {
		move.Timers = append(move.Timers, m.Process.Timers(move.State)...)
	}
	for i := range move.Timers {
		move.Timers[i].At = move.Timers[i].At.UTC().Truncate(time.Microsecond)
	}
}

// seal makes commands ready to be sent. Their ids are derived from what they answer, so
// that a process which sees it again sends nothing twice.
func (m *Manager[S]) seal(move *Move[S], in input, commands []Command) ([]Envelope, error) {
	sealed := make([]Envelope, len(commands))
	for i, c := range commands {
		e, err := Seal(m.Commands, c)
		if err != nil {
			return nil, err
		}
		e.ID = DeriveID(m.Process.Name, move.ID, in.step.EventID, e.Type, strconv.Itoa(i))
		e.AcceptedAt = in.at
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

// save saves moves and hands their commands on. It returns those that somebody else
// was faster with.
func (m *Manager[S]) save(ctx context.Context, moves []Move[S]) (again []Move[S], err error) {
	var errs []error
	moves = slices.DeleteFunc(moves, func(move Move[S]) bool { return move.Version == move.From })
	for i, err := range m.Processes.Save(ctx, moves) {
		switch {
		case errors.Is(err, ErrConflict):
			again = append(again, moves[i])
		case err != nil:
			errs = append(errs, fmt.Errorf("save %s %s: %w", m.Process.Name, moves[i].ID, err))
		case len(moves[i].Send) > 0:
			m.Sent(ctx, moves[i].Send)
		}
	}
	return again, errors.Join(errs...)
}

// Fire lets a process see those of its timers whose time has come. A timer fires once,
// however often and by how many this is called.
func (m *Manager[S]) Fire(ctx context.Context, id string) error {
	return m.change(ctx, id, func(move *Move[S]) error {
		for {
			t, ok := firstDue(move.Timers, m.now())
			if !ok {
				return nil
			}
			in := input{event: Elapsed{Timer: t.Name, At: t.At}, at: t.At, step: ProcessStep{Timer: t.Name}}
			if t.Name == retryTimer {
				in.event, in.step.Timer = Retried{At: t.At}, ""
			}
			in.step.Event = in.event.EventType()
			in.step.EventID = DeriveID("timer", m.Process.Name, id, t.Name, strconv.FormatInt(t.At.UnixMicro(), 10))
			same := func(other Timer) bool { return other.Name == t.Name && other.At.Equal(t.At) }
			move.Timers = slices.DeleteFunc(slices.Clone(move.Timers), same)
			if err := m.see(ctx, move, in); err != nil {
				return err
			}
			if slices.ContainsFunc(move.Timers, same) {
				return fmt.Errorf("%s %s: the timer %s was seen and is still waited for", m.Process.Name, id, t.Name)
			}
		}
	})
}

func firstDue(timers []Timer, now time.Time) (first Timer, ok bool) {
	for _, t := range timers {
		if !t.At.After(now) && (!ok || t.At.Before(first.At)) {
			first, ok = t, true
		}
	}
	return first, ok
}

// Retry asks a process to try again what it waits for. Whoever fires timers lets it
// see that, next. It returns ErrNoProcess if there is none with this id.
func (m *Manager[S]) Retry(ctx context.Context, id string) error {
	return m.change(ctx, id, func(move *Move[S]) error {
		if move.From == 0 {
			return ErrNoProcess
		}
		move.Version++
		m.wait(move)
		move.Timers = append(move.Timers, Timer{retryTimer, m.now()})
		return nil
	})
}

// change moves one process, again on its fresh state when somebody else was faster.
func (m *Manager[S]) change(ctx context.Context, id string, change func(*Move[S]) error) error {
	for {
		were, err := m.Processes.Load(ctx, []string{id})
		if err != nil {
			return fmt.Errorf("load %s %s: %w", m.Process.Name, id, err)
		}
		move := m.begin(id, were[id])
		stuck := change(&move)
		again, err := m.save(ctx, []Move[S]{move})
		if err := errors.Join(stuck, err); err != nil || len(again) == 0 {
			return err
		}
	}
}
