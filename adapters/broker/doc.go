// Package broker carries messages between the parts of Millrace, behind
// Watermill's message.Publisher and message.Subscriber.
//
// A topic is what publishers write to. A queue is what one consumer group has
// not yet handled of one topic: every group gets every message once, whichever
// of its subscriptions takes it. Delivery is at least once; the order of
// messages is kept per key (see KeyHeader) and not beyond.
package broker

import (
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"
)

// KeyHeader is the metadata that holds a message's ordering key, which is the
// CloudEvents subject: the aggregate that the message is about. A broker that
// keeps order hands out messages of one key one at a time, as they were published.
const KeyHeader = "ce_subject"

// TypeHeader is the metadata that holds a message's type, which is the CloudEvents
// type: that of the command or the event.
const TypeHeader = "ce_type"

var (
	// ErrUnroutable says that no group has a queue on the topic. The message
	// was not taken: dropping it silently would be worse than the error.
	ErrUnroutable = errors.New("no queue on the topic")

	// ErrClosed says that the broker, or the subscriber, is closed.
	ErrClosed = errors.New("broker is closed")
)

// orderingKey returns what msg is ordered by. A message without a key is
// ordered by its UUID, that is, not at all. Those that have neither share one
// key.
func orderingKey(msg *message.Message) string {
	if key := msg.Metadata.Get(KeyHeader); key != "" {
		return key
	}
	return msg.UUID
}
