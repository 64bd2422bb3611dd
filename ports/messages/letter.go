package messages

import (
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
)

// Letter is a message that a handler gave up on.
type Letter struct {
	Handler  string
	Topic    string
	Message  *message.Message
	Command  *es.Envelope // set if the message is a command
	Err      error
	Attempts int
}

// ID returns the id of the dead letter: the same for the same message and handler.
func (l Letter) ID() string { return es.DeriveID("dead-letter", l.Handler, l.Message.UUID) }

// Headers of a dead letter, besides those of the message.
const (
	headerHandler  = "dead_letter_handler"
	headerError    = "dead_letter_error"
	headerAttempts = "dead_letter_attempts"
	headerDiedAt   = "dead_letter_at"
)

// EventsHandler returns what the handler of events with a name is called in dead
// letters, as its queue is.
func EventsHandler(name string) string { return EventsTopic + "." + name }

// EventOf returns the event that a message holds.
func EventOf(m *message.Message) (es.Record, error) {
	var e es.Record
	return e, marshaler{}.Unmarshal(m, &e)
}

// DeadLettersTopic returns where the dead letters of a handler are shown to those
// who look at the broker: millrace.dead-letters.order-views for the handler
// millrace.events.order-views.
func DeadLettersTopic(handler string) string {
	for _, family := range []string{EventsTopic + ".", commandsTopic + "."} {
		if name, ok := strings.CutPrefix(handler, family); ok {
			return "millrace.dead-letters." + name
		}
	}
	return "millrace.dead-letters." + handler
}

// Shown returns the message by which a dead letter is shown, whose id is that of
// the letter.
func (l Letter) Shown(at time.Time) *message.Message {
	m := message.NewMessage(l.ID(), l.Message.Payload)
	for key, value := range l.Message.Metadata {
		m.Metadata.Set(key, value)
	}
	m.Metadata.Set(headerHandler, l.Handler)
	m.Metadata.Set(headerError, l.Err.Error())
	m.Metadata.Set(headerAttempts, strconv.Itoa(l.Attempts))
	m.Metadata.Set(headerDiedAt, at.UTC().Format(time.RFC3339))
	return m
}
