// Package messages connects Watermill to the application: what commands and
// events look like on the wire, which topic feeds which handler, and what happens
// when a handler fails.
package messages

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
)

// EventsTopic is where all events are published. Commands have a topic per type.
const EventsTopic = "millrace.events"

// commandsTopic begins the topics of commands.
const commandsTopic = "millrace.commands"

// CommandTopic returns the topic for commands of a type.
func CommandTopic(commandType string) string { return commandsTopic + "." + commandType }

// Message headers. Those with ce_ are the attributes of CloudEvents 1.0; the
// others are its extensions and the trace context of the W3C.
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerSubject     = "ce_subject" // the id of the order; the key that messages are ordered by
	headerTime        = "ce_time"
	headerSchema      = "ce_schemaversion"
	headerVersion     = "ce_streamversion"
	headerStream      = "ce_stream"
	headerCorrelation = "correlation_id" // the name that Watermill's middleware uses
	headerCausation   = "causation_id"
	headerCommand     = "command_id"
	headerActor       = "actor"
	headerExpected    = "expected_versions"
	headerTraceparent = "traceparent"
)

// source says in every message where it comes from: from Millrace, a slash, and the id
// of the store. What says no more than the former is from the store itself.
const source = "millrace"

// marshaler is Watermill's cqrs.CommandEventMarshaler for envelopes and records.
// They carry their own wire names, so that the name of a Go type never leaves
// the process.
type marshaler struct {
	store string // the id of the store that all of this process's messages come from
}

func (s marshaler) source() string {
	if s.store == "" {
		return source
	}
	return source + "/" + s.store
}

// origin returns the id of the store that a message comes from, empty if it is this
// one.
func (s marshaler) origin(m *message.Message) string {
	store, _ := strings.CutPrefix(m.Metadata.Get(headerSource), source+"/")
	if store == s.store || store == m.Metadata.Get(headerSource) {
		return ""
	}
	return store
}

// Marshal implements cqrs.CommandEventMarshaler.
func (s marshaler) Marshal(v any) (m *message.Message, err error) {
	switch v := v.(type) {
	case *es.Envelope:
		m, err = marshalCommand(v)
	case *es.Record:
		m = marshalEvent(v)
	}
	if m != nil {
		m.Metadata.Set(headerSource, s.source())
	}
	if m != nil || err != nil {
		return m, err
	}
	return nil, fmt.Errorf("marshal %T: neither a command nor an event", v)
}

// Unmarshal implements cqrs.CommandEventMarshaler.
func (s marshaler) Unmarshal(m *message.Message, v any) (err error) {
	switch v := v.(type) {
	case *es.Envelope:
		*v, err = unmarshalCommand(m)
		v.Origin = s.origin(m)
		return err
	case *es.Record:
		*v, err = unmarshalEvent(m)
		v.Metadata.Origin = s.origin(m)
		return err
	}
	return fmt.Errorf("unmarshal into %T: neither a command nor an event", v)
}

// Name implements cqrs.CommandEventMarshaler.
func (marshaler) Name(v any) string {
	switch v := v.(type) {
	case *es.Envelope:
		return v.Type
	case *es.Record:
		return v.Type
	}
	return ""
}

// NameFromMessage implements cqrs.CommandEventMarshaler.
func (marshaler) NameFromMessage(m *message.Message) string { return m.Metadata.Get(headerType) }

func newMessage(id, name, subject string, at time.Time, payload []byte, origin es.Metadata) *message.Message {
	m := message.NewMessage(id, payload)
	m.Metadata = message.Metadata{
		headerSpecVersion: "1.0",
		headerID:          id,
		headerType:        name,
		headerSubject:     subject,
		headerTime:        at.UTC().Format(time.RFC3339Nano),
	}
	for key, value := range map[string]string{
		headerCorrelation: origin.CorrelationID,
		headerCausation:   origin.CausationID,
		headerCommand:     origin.CommandID,
		headerActor:       origin.Actor,
		headerTraceparent: origin.Traceparent,
	} {
		if value != "" {
			m.Metadata[key] = value
		}
	}
	return m
}

func origin(m *message.Message) es.Metadata {
	return es.Metadata{
		CommandID:     m.Metadata.Get(headerCommand),
		CorrelationID: m.Metadata.Get(headerCorrelation),
		CausationID:   m.Metadata.Get(headerCausation),
		Traceparent:   m.Metadata.Get(headerTraceparent),
		Actor:         m.Metadata.Get(headerActor),
	}
}

func marshalCommand(c *es.Envelope) (*message.Message, error) {
	m := newMessage(c.ID, c.Type, c.Target, c.AcceptedAt, message.Payload(c.Payload), c.Metadata)
	m.Metadata.Set(headerSchema, strconv.Itoa(c.Schema))
	if len(c.Expected) > 0 {
		expected, err := json.Marshal(c.Expected)
		if err != nil {
			return nil, fmt.Errorf("encode expected versions: %w", err)
		}
		m.Metadata.Set(headerExpected, string(expected))
	}
	return m, nil
}

func unmarshalCommand(m *message.Message) (es.Envelope, error) {
	at, err := time.Parse(time.RFC3339Nano, m.Metadata.Get(headerTime))
	if err != nil {
		return es.Envelope{}, fmt.Errorf("command %s: %s: %w", m.UUID, headerTime, err)
	}
	schema, err := strconv.Atoi(m.Metadata.Get(headerSchema))
	if err != nil {
		return es.Envelope{}, fmt.Errorf("command %s: %s: %w", m.UUID, headerSchema, err)
	}
	c := es.Envelope{
		ID: m.UUID, Type: m.Metadata.Get(headerType), Target: m.Metadata.Get(headerSubject), Schema: schema,
		Payload: json.RawMessage(m.Payload), Metadata: origin(m), AcceptedAt: at,
	}
	if expected := m.Metadata.Get(headerExpected); expected != "" {
		if err := json.Unmarshal([]byte(expected), &c.Expected); err != nil {
			return es.Envelope{}, fmt.Errorf("command %s: %s: %w", m.UUID, headerExpected, err)
		}
	}
	return c, nil
}

func marshalEvent(r *es.Record) *message.Message {
	m := newMessage(r.ID, r.Type, r.Stream.ID(), r.OccurredAt, message.Payload(r.Data), r.Metadata)
	m.Metadata.Set(headerStream, string(r.Stream))
	m.Metadata.Set(headerVersion, strconv.FormatInt(int64(r.Version), 10))
	m.Metadata.Set(headerSchema, strconv.Itoa(r.Schema))
	return m
}

func unmarshalEvent(m *message.Message) (es.Record, error) {
	at, err := time.Parse(time.RFC3339Nano, m.Metadata.Get(headerTime))
	if err != nil {
		return es.Record{}, fmt.Errorf("event %s: %s: %w", m.UUID, headerTime, err)
	}
	version, err := strconv.ParseInt(m.Metadata.Get(headerVersion), 10, 64)
	if err != nil {
		return es.Record{}, fmt.Errorf("event %s: %s: %w", m.UUID, headerVersion, err)
	}
	schema, err := strconv.Atoi(m.Metadata.Get(headerSchema))
	if err != nil {
		return es.Record{}, fmt.Errorf("event %s: %s: %w", m.UUID, headerSchema, err)
	}
	return es.Record{
		ID: m.UUID, Stream: es.Stream(m.Metadata.Get(headerStream)), Version: es.Version(version),
		Type: m.Metadata.Get(headerType), Schema: schema, Data: json.RawMessage(m.Payload),
		Metadata: origin(m), OccurredAt: at,
	}, nil
}
