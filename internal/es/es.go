// Package es is the event-sourcing kit: streams of records, folds over events,
// the load-decide-append loop, the relay, projections and process managers. It
// knows nothing about orders, SQL or message brokers, and imports nothing but
// the standard library.
package es

import (
	"encoding/json"
	"strings"
	"time"
)

// Event is a fact. Its type is the stable name it is stored and published under.
type Event interface{ EventType() string }

// Folded is state built by folding events, one at a time, from a zero value.
// Aggregates, views and processes all have this one shape.
type Folded[S, E any] interface{ Evolve(E) S }

// Fold returns s after the given events.
func Fold[S Folded[S, E], E any](s S, events ...E) S {
	for _, e := range events {
		s = s.Evolve(e)
	}
	return s
}

// Version is the number of events in a stream. The first event has version 1.
type Version int64

// Position is a place in the feed, the one order of all events. The first event
// has position 1, and no position is ever left out.
type Position int64

// Stream names one aggregate's history: its category, a dash, and its id.
type Stream string

// StreamOf returns the name of an aggregate's stream.
func StreamOf(category, id string) Stream { return Stream(category + "-" + id) }

// ID returns the id of the aggregate that the stream belongs to.
func (s Stream) ID() string {
	_, id, _ := strings.Cut(string(s), "-")
	return id
}

// Metadata says where a record or a command came from. The domain never reads it.
type Metadata struct {
	CommandID     string `json:"command_id,omitempty"`     // the command that led to the event
	CorrelationID string `json:"correlation_id,omitempty"` // shared by all that one request set off
	CausationID   string `json:"causation_id,omitempty"`   // the message that this one answers
	Traceparent   string `json:"traceparent,omitempty"`    // W3C trace context
	Actor         string `json:"actor,omitempty"`          // who asked

	// Origin is the id of the store in which a record was made, empty if it is this
	// one.
	Origin string `json:"origin,omitempty"`
}

// Record is an event as it is stored and published.
type Record struct {
	ID         string
	Stream     Stream
	Version    Version
	Type       string
	Schema     int // the version of the event's shape, from 1
	Data       json.RawMessage
	Metadata   Metadata
	OccurredAt time.Time // UTC, in microseconds; never goes back within a stream
}

// Envelope is a command on its way: what is asked of which aggregate, by whom.
type Envelope struct {
	ID          string
	Type        string
	Target      string // the id of the aggregate
	Schema      int    // the version of the payload's shape, from 1
	Payload     json.RawMessage
	Expected    []Version // the versions the sender will accept; none means any
	Fingerprint string    // of the request, so that its id is not used for another one
	Metadata    Metadata
	AcceptedAt  time.Time
	Origin      string // the id of the store that journaled it, empty if it is this one
}

// Status is how far a command has got.
type Status string

// A command is pending until it has exactly one of the other three.
const (
	StatusPending   Status = "pending"
	StatusSucceeded Status = "succeeded"
	StatusRejected  Status = "rejected" // the business said no
	StatusFailed    Status = "failed"   // it could not be carried out
)

// Outcome is what became of a command.
type Outcome struct {
	CommandID   string
	CommandType string
	Target      string
	Status      Status
	Version     Version // of the stream, once the command was decided
	Problem     *Problem
}

// Problem says why a command did not succeed.
type Problem struct {
	Code   string `json:"code"` // stable, for programs
	Detail string `json:"detail"`
}
