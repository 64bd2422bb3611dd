package es

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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
	Log       *slog.Logger // is told of processes that get into trouble, and out of it

	// Sent is told of the commands that were accepted.
	Sent func(context.Context, []Envelope)
}

// input is something that a process is to see.
type input struct {
	event Event
	step  ProcessStep
	from  Metadata
	at    time.Time // when it happened
}

// CatchUp lets the processes see what is new in some streams. An event message is
// only a hint to call it: calling it late, twice or out of order does no harm. An
// event that a process cannot see holds up the later ones of its stream, and nothing
// else.
func (m *Manager[S]) CatchUp(ctx context.Context, streams ...Stream) error {
	var errs []error
	for len(streams) > 0 {
		inputs, broken := m.read(ctx, streams)
		moves, stuck := m.moves(ctx, inputs)
		again, failed := m.save(ctx, moves)
		if err := errors.Join(broken, stuck, failed); err != nil {
			errs = append(errs, err)
		}
		streams = nil
		for _, move := range again {
			streams = slices.AppendSeq(streams, maps.Keys(move.Seen))
		}
	}
	return errors.Join(errs...)
}

// read returns what the processes have not seen of some streams, by their ids. With an
// error comes what could be read.
func (m *Manager[S]) read(ctx context.Context, streams []Stream) (map[string][]input, error) {
	seen, err := m.Processes.Seen(ctx, streams)
	if err != nil {
		return nil, fmt.Errorf("look what %s has seen of %d streams: %w", m.Process.Name, len(streams), err)
	}
	tails := make([]Tail, len(streams))
	for i, s := range streams {
		tails[i] = Tail{Stream: s, After: seen[s]}
	}
	inputs, broken := map[string][]input{}, map[Stream]error{}
	for r, err := range m.Store.ReadTails(ctx, tails) {
		if err != nil {
			broken[""] = fmt.Errorf("read %d streams: %w", len(tails), err)
			break
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
// got: what a reaction has done is not to be done again because another one fails.
func (m *Manager[S]) moves(ctx context.Context, inputs map[string][]input) ([]Move[S], error) {
	ids := slices.Sorted(maps.Keys(inputs))
	if len(ids) == 0 {
		return nil, nil
	}
	were, err := m.Processes.Load(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load %d processes of %s: %w", len(ids), m.Process.Name, err)
	}
	if err := m.dropSeen(ctx, inputs); err != nil {
		return nil, err
	}
	var errs []error
	moves := make([]Move[S], len(ids))
	for i, id := range ids {
		moves[i] = m.begin(id, were[id])
		held := map[Stream]bool{}
		for _, in := range inputs[id] {
			if held[in.step.Stream] {
				continue // what comes after it has to wait
			}
			next, err := m.see(ctx, moves[i], in)
			if err != nil {
				errs = append(errs, err)
				held[in.step.Stream] = true
				continue
			}
			moves[i] = next
		}
	}
	return moves, errors.Join(errs...)
}

// dropSeen drops what somebody else has let the processes see since it was read. It
// looks after the processes were loaded: what comes in later than that is a conflict.
func (m *Manager[S]) dropSeen(ctx context.Context, inputs map[string][]input) error {
	var streams []Stream
	for _, of := range inputs {
		for _, in := range of {
			if !slices.Contains(streams, in.step.Stream) {
				streams = append(streams, in.step.Stream)
			}
		}
	}
	seen, err := m.Processes.Seen(ctx, streams)
	if err != nil {
		return fmt.Errorf("look what %s has seen of %d streams by now: %w", m.Process.Name, len(streams), err)
	}
	for id, of := range inputs {
		inputs[id] = slices.DeleteFunc(of, func(in input) bool { return in.step.Version <= seen[in.step.Stream] })
	}
	return nil
}

// begin returns a move that leads nowhere yet.
func (m *Manager[S]) begin(id string, was Instance[S]) Move[S] {
	if was.Version == 0 {
		was.StartedAt = m.now()
		if m.Process.New != nil {
			was.State = m.Process.New(id)
		}
	}
	return Move[S]{ID: id, From: was.Version, Instance: was, Seen: map[Stream]Version{}, was: was.Standing}
}

func (m *Manager[S]) now() time.Time { return m.Now().UTC().Truncate(time.Microsecond) }

// save saves moves and hands their commands on. It returns those that somebody else
// was faster with.
func (m *Manager[S]) save(ctx context.Context, moves []Move[S]) (again []Move[S], err error) {
	moves = slices.DeleteFunc(moves, func(move Move[S]) bool { return move.Version == move.From })
	if len(moves) == 0 {
		return nil, nil
	}
	var (
		errs []error
		sent []Envelope
	)
	for i, err := range m.Processes.Save(ctx, moves) {
		switch {
		case errors.Is(err, ErrConflict):
			again = append(again, moves[i])
		case err != nil:
			errs = append(errs, fmt.Errorf("save %s %s: %w", m.Process.Name, moves[i].ID, err))
		default:
			m.report(ctx, moves[i])
			sent = append(sent, moves[i].Send...)
		}
	}
	if len(sent) > 0 {
		m.Sent(ctx, sent) // at once, since each waits for the broker
	}
	return again, errors.Join(errs...)
}

// Fire lets a process see those of its timers whose time has come, after it has seen
// what the store holds for it. A timer fires once, however often and by how many this is
// called. If there is something that the process cannot see, none fires but somebody's
// wish to retry: on a state of the past it might give up what came in time.
//
// What is in the store when a timer fires counts as in time, even if it happened after
// the timer's time. The process sees it first, and decides.
func (m *Manager[S]) Fire(ctx context.Context, id string) error {
	for {
		move, behind, err := m.upToDate(ctx, id)
		if err != nil {
			return err
		}
		due := firstDue
		if behind != nil {
			due = firstRetry
		}
		move, stuck := m.elapseAll(ctx, move, due)
		again, err := m.save(ctx, []Move[S]{move})
		if err := errors.Join(behind, stuck, err); err != nil || len(again) == 0 {
			return err
		}
	}
}

// upToDate returns a process as it is once it has seen what its streams hold, which may
// lead to further streams, and why it could not see all of that. One without a timer that
// is due is left as it is. The feed may be far behind the store; events of other stores
// can only be seen once they are here.
func (m *Manager[S]) upToDate(ctx context.Context, id string) (move Move[S], behind, err error) {
	read := map[Stream]bool{}
	for {
		were, err := m.Processes.Load(ctx, []string{id})
		if err != nil {
			return move, nil, fmt.Errorf("load %s %s: %w", m.Process.Name, id, err)
		}
		move = m.begin(id, were[id])
		if _, due := firstDue(move.Timers, m.now()); !due || behind != nil {
			return move, behind, nil
		}
		streams := slices.DeleteFunc(m.streams(move.Instance), func(s Stream) bool { return read[s] })
		if len(streams) == 0 {
			return move, nil, nil
		}
		if err := m.CatchUp(ctx, streams...); err != nil {
			behind = fmt.Errorf("catch up before the timers of %s %s: %w", m.Process.Name, id, err)
		}
		for _, s := range streams {
			read[s] = true
		}
	}
}

// streams returns the streams that may hold news for a process: those of its steps and
// those that its state names.
func (m *Manager[S]) streams(of Instance[S]) []Stream {
	var streams []Stream
	if m.Process.Streams != nil {
		streams = slices.Clone(m.Process.Streams(of.State))
	}
	for _, step := range of.Steps {
		if step.Stream != "" {
			streams = append(streams, step.Stream)
		}
	}
	slices.Sort(streams)
	return slices.Compact(streams)
}

// elapseAll lets a process see all timers that are due. With an error comes how far it
// got, which is kept.
func (m *Manager[S]) elapseAll(ctx context.Context, move Move[S], due func([]Timer, time.Time) (Timer, bool)) (Move[S], error) {
	for {
		t, ok := due(move.Timers, m.now())
		if !ok {
			return move, nil
		}
		next, err := m.elapse(ctx, move, t)
		if err != nil {
			return move, err
		}
		move = next
	}
}

func firstDue(timers []Timer, now time.Time) (first Timer, ok bool) {
	for _, t := range timers {
		if !t.At.After(now) && (!ok || t.At.Before(first.At)) {
			first, ok = t, true
		}
	}
	return first, ok
}

// firstRetry is firstDue among somebody's wishes to retry.
func firstRetry(timers []Timer, now time.Time) (Timer, bool) {
	return firstDue(slices.DeleteFunc(slices.Clone(timers), func(t Timer) bool { return !t.IsRetry() }), now)
}
