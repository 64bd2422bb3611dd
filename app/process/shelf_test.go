package process_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// shelf is a store in memory with the streams of order 7, and the processes of one
// manager who is at work on it. Events are put there and seen when somebody says so.
type shelf[S es.Folded[S, es.Event]] struct {
	es.Store // what nobody here asks for

	t       *testing.T
	manager *es.Manager[S]
	now     time.Time
	streams map[es.Stream][]es.Record
	kept    map[string]es.Instance[S]
	seen    map[es.Stream]es.Version
	sent    []es.Command // since somebody last looked
}

// newShelf returns a shelf on which the process has seen a history.
func newShelf[S es.Folded[S, es.Event]](t *testing.T, p es.Process[S], history ...es.Event) *shelf[S] {
	t.Helper()
	events, err := process.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	commands, err := command.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf[S]{
		t: t, now: noon, streams: map[es.Stream][]es.Record{},
		kept: map[string]es.Instance[S]{}, seen: map[es.Stream]es.Version{},
	}
	s.manager = &es.Manager[S]{
		Process: p, Store: s, Events: events, Commands: commands, Processes: s, Now: func() time.Time { return s.now },
		Sent: func(_ context.Context, sent []es.Envelope) {
			for _, e := range sent {
				c, err := commands.Decode(e.Type, e.Schema, e.Payload)
				if err != nil {
					t.Error(err)
				}
				s.sent = append(s.sent, c)
			}
		},
	}
	s.put(history...)
	if err := s.manager.CatchUp(t.Context(), "order-7", "payment-pay-1", "ticket-7"); err != nil {
		t.Fatal(err)
	}
	s.sent = nil
	return s
}

// put adds events to their streams, of which nobody is told.
func (s *shelf[S]) put(events ...es.Event) {
	s.t.Helper()
	for _, e := range events {
		name, schema, data, err := s.manager.Events.Encode(e)
		if err != nil {
			s.t.Fatal(err)
		}
		stream := streamOf(e)
		v := es.Version(len(s.streams[stream]) + 1)
		s.streams[stream] = append(s.streams[stream], es.Record{
			ID: fmt.Sprint(stream, "/", v), Stream: stream, Version: v, Type: name, Schema: schema, Data: data,
			OccurredAt: reflect.ValueOf(e).FieldByName("At").Interface().(time.Time),
		})
	}
}

func streamOf(e es.Event) es.Stream {
	switch e.(type) {
	case order.Event:
		return "order-7"
	case ticket.Event:
		return "ticket-7"
	case payment.Event:
		return es.StreamOf(payment.Category, reflect.ValueOf(e).FieldByName("PaymentID").String())
	}
	panic(fmt.Sprintf("%T is of no stream", e))
}

// wantFired fires the timers of a process that are due at a time, and wants it to send
// these commands.
func (s *shelf[S]) wantFired(id string, now time.Time, want ...es.Command) {
	s.t.Helper()
	s.now = now
	if err := s.manager.Fire(s.t.Context(), id); err != nil {
		s.t.Error(err)
	}
	if len(s.sent) != len(want) || len(want) > 0 && !reflect.DeepEqual(s.sent, want) {
		s.t.Errorf("sent %+v, want %+v", s.sent, want)
	}
	s.sent = nil
}

// ReadTails implements es.Store.
func (s *shelf[S]) ReadTails(_ context.Context, tails []es.Tail) iter.Seq2[es.Record, error] {
	return func(yield func(es.Record, error) bool) {
		for _, t := range tails {
			for _, r := range s.streams[t.Stream] {
				if r.Version > t.After && !yield(r, nil) {
					return
				}
			}
		}
	}
}

// Seen implements es.Processes.
func (s *shelf[S]) Seen(context.Context, []es.Stream) (map[es.Stream]es.Version, error) {
	return maps.Clone(s.seen), nil
}

// Load implements es.Processes.
func (s *shelf[S]) Load(context.Context, []string) (map[string]es.Instance[S], error) {
	return maps.Clone(s.kept), nil
}

// Save implements es.Processes. Nobody else is at work.
func (s *shelf[S]) Save(_ context.Context, moves []es.Move[S]) []error {
	for _, m := range moves {
		s.kept[m.ID] = m.Instance
		maps.Copy(s.seen, m.Seen)
	}
	return make([]error, len(moves))
}

// Due implements es.Processes. Whoever fires here knows what is due.
func (s *shelf[S]) Due(context.Context, time.Time, es.DueProcess, int) ([]es.DueProcess, error) {
	return nil, errBroken
}
