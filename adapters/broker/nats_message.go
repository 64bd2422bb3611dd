package broker

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsUUIDHeader holds a message's UUID, where Watermill's NATS marshaler has it.
//
// The header Nats-Msg-Id is not used: within some minutes the server drops a
// message with an id that it has seen, and answers that all is well. A command
// that is sent again because its handling was lost must come through.
const natsUUIDHeader = "_watermill_message_uuid"

func natsFromMessage(topic string, m *message.Message) *nats.Msg {
	to := nats.NewMsg(natsSubject(topic, m.Metadata.Get(TypeHeader)))
	to.Data = m.Payload
	for key, value := range m.Metadata {
		to.Header[natsKey(key)] = []string{natsValue(value)}
	}
	to.Header[natsUUIDHeader] = []string{natsValue(m.UUID)}
	return to
}

func messageFromNATS(from jetstream.Msg) *message.Message {
	headers := from.Headers()
	m := message.NewMessage(natsText(headers.Get(natsUUIDHeader)), from.Data())
	for key, values := range headers {
		if key != natsUUIDHeader && len(values) > 0 {
			m.Metadata.Set(natsText(key), natsText(values[0]))
		}
	}
	return m
}

// natsSubject is where the messages of one type lie in a topic. The type is a
// single token, so that no topic's subjects are among those of another: the
// server refuses streams that overlap.
func natsSubject(topic, messageType string) string {
	return natsSubjectStem(topic) + natsName(messageType)
}

// natsSubjects covers all types of a topic.
func natsSubjects(topic string) string {
	return natsSubjectStem(topic) + "*"
}

func natsSubjectStem(topic string) string {
	var stem strings.Builder
	for token := range strings.SplitSeq(topic, ".") {
		stem.WriteString(natsName(token))
		stem.WriteByte('.')
	}
	return stem.String()
}

// natsName turns any text into one that can name a stream, a consumer or a token
// of a subject. Different texts have different names.
func natsName(text string) string {
	if text == "" {
		return "="
	}
	escaped := escape(text, '=', func(c byte) bool {
		return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '-' || c == '.'
	})
	return strings.ReplaceAll(escaped, ".", "_")
}

// natsKey turns the name of a header into one that the client takes and that
// means nothing to the server.
func natsKey(text string) string {
	escaped := escape(text, '%', func(c byte) bool { return ' ' < c && c < 0x7f && c != ':' && c != '%' })
	if len(text) >= 5 && strings.EqualFold(text[:5], "Nats-") {
		return fmt.Sprintf("%%%02X", text[0]) + escaped[1:]
	}
	return escaped
}

// natsValue turns the value of a header into one that arrives as it is: the client
// writes blanks for line breaks, and trims.
func natsValue(text string) string {
	trimmed := strings.Trim(text, " ") == text
	return escape(text, '%', func(c byte) bool {
		return ' ' < c && c != 0x7f && c != '%' || c == ' ' && trimmed
	})
}

// natsText turns back what natsKey and natsValue have made. What others have
// written may look otherwise and stays as it is.
func natsText(escaped string) string {
	if text, err := url.PathUnescape(escaped); err == nil {
		return text
	}
	return escaped
}

// escape writes a mark and two hexadecimal digits for every byte that is not plain.
func escape(text string, mark byte, plain func(byte) bool) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%c%02X", mark, c)
		}
	}
	return b.String()
}
