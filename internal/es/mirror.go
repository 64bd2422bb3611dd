package es

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Mirror sees to it that nothing which handlers want of other stores stays unknown
// here when the broker loses a message: it asks all other stores what their feeds
// hold, has what is missing sent, and only then moves its position in that feed.
// Messages make handlers quick; mirror and follower make them complete. Any number of
// processes may run one; for each handler a lease lets one of them ask. What is
// answered may be heard by any of them.
type Mirror struct {
	ID       string // of the store
	Wishes   []Wish
	Store    Mirrors
	Importer *Importer
	Ask      func(context.Context, Question) error // returns once the broker has confirmed
	Every    time.Duration                         // how long events may take to come by a message
	Log      *slog.Logger
}

// Wish is what a handler wants of other stores.
type Wish struct {
	Handler string
	Types   []string // of the events; none means all
	Leader  *Leader
}

// name is what the position of a wish is kept under. Whoever wants other events than
// before begins at the beginning, as it has not got those of the past.
func (w Wish) name() string {
	return w.Handler + " " + DeriveID(slices.Sorted(slices.Values(w.Types))...)[:8]
}

// Run asks at the start, and then time and again until ctx is done.
func (m *Mirror) Run(ctx context.Context) error {
	defer func() {
		for _, w := range m.Wishes {
			w.Leader.Leave(ctx)
		}
	}()
	for {
		if err := m.ask(ctx); err != nil && ctx.Err() == nil {
			m.Log.WarnContext(ctx, "ask other stores, which are asked again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(m.Every):
		}
	}
}

func (m *Mirror) ask(ctx context.Context) error {
	var looks []Look
	for _, w := range m.Wishes {
		_, err := w.Leader.Lead(ctx)
		if errors.Is(err, ErrFenced) {
			continue
		}
		if err != nil {
			return err
		}
		at, err := m.Store.Mirrored(ctx, w.name())
		if err != nil {
			return err
		}
		looks = append(looks, Look{w.name(), w.Types, at})
	}
	if len(looks) == 0 {
		return nil
	}
	return m.Ask(ctx, Question{From: m.ID, Looks: looks})
}

// Hear takes in an answer. It asks on at once while there is more to come, so that a
// store which has missed a lot does not take long.
func (m *Mirror) Hear(ctx context.Context, a Answer) error {
	if a.From == m.ID {
		return nil
	}
	if len(a.Records) > 0 {
		if err := m.Importer.Take(ctx, a.From, a.Records); err != nil {
			return err
		}
	}
	if a.Then != nil {
		if err := m.askOn(ctx, Question{To: a.From, Looks: []Look{*a.Then}}); err != nil {
			return err
		}
	}
	if a.Look == nil {
		return nil
	}
	err := m.compare(ctx, a.From, *a.Look, a.Stretch)
	if errors.Is(err, errOvertaken) {
		return nil
	}
	return err
}

// compare holds what another store has against what is here.
func (m *Mirror) compare(ctx context.Context, store string, l Look, found Stretch) error {
	after := l.After[store]
	if found.Head < after { // it was set back, and its positions stand for other events now
		return m.move(ctx, l.Handler, store, after, 0)
	}
	missing, err := m.Importer.Missing(ctx, found.Streams)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return m.askOn(ctx, Question{To: store, Tails: missing, Then: &l})
	}
	if err := m.move(ctx, l.Handler, store, after, found.UpTo); err != nil {
		return err
	}
	if found.UpTo >= found.Head {
		return nil
	}
	l.After = map[string]Position{store: found.UpTo}
	return m.askOn(ctx, Question{To: store, Looks: []Look{l}})
}

// errOvertaken says that somebody else has heard the same and was faster.
var errOvertaken = errors.New("somebody else goes on from here")

func (m *Mirror) move(ctx context.Context, handler, store string, from, to Position) error {
	err := m.Store.MoveMirror(ctx, handler, store, from, to)
	if errors.Is(err, ErrConflict) {
		return errOvertaken
	}
	if err != nil {
		return fmt.Errorf("move what %s has of %s to %d: %w", handler, store, to, err)
	}
	return nil
}

func (m *Mirror) askOn(ctx context.Context, q Question) error {
	q.From = m.ID
	if err := m.Ask(ctx, q); err != nil {
		return fmt.Errorf("ask %s on: %w", q.To, err)
	}
	return nil
}
