package process

import (
	"context"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// Reactions answers an event with commands, given the process after it.
type Reactions[S any] func(context.Context, S, order.Event, es.Record) ([]es.Envelope, error)

// types returns the wire names of events.
func types(events ...order.Event) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.EventType()
	}
	return names
}

// answer seals the command with which a process answers an event. Its id is
// derived from both, so that an event that is seen again repeats nothing.
func answer(codec *command.Codec, process string, to es.Record, c command.Command) ([]es.Envelope, error) {
	e, err := command.Seal(codec, c)
	if err != nil {
		return nil, err
	}
	e.ID = es.DeriveID(process, to.ID, e.Type)
	e.AcceptedAt = to.OccurredAt
	e.Metadata = es.Metadata{
		CorrelationID: to.Metadata.CorrelationID,
		CausationID:   to.ID,
		Traceparent:   to.Metadata.Traceparent,
		Actor:         "process:" + process,
	}
	return []es.Envelope{e}, nil
}
