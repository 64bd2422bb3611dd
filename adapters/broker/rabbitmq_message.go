package broker

import (
	"cmp"
	"fmt"
	"time"

	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// What quorum queues add to a message that they deliver again. Versions below 4.3
// count nacks in the first, later ones in the second.
const (
	rabbitDeliveryCount = "x-delivery-count"
	rabbitAcquiredCount = "x-acquired-count"
)

// rabbitMarshaler writes messages so that an operator who peeks into a queue can
// read them: the properties of AMQP are set, the metadata are headers.
type rabbitMarshaler struct {
	app string
	now func() time.Time
}

var _ wamqp.Marshaler = rabbitMarshaler{}

// Marshal implements Watermill's interface.
func (m rabbitMarshaler) Marshal(msg *message.Message) (amqp.Publishing, error) {
	headers := make(amqp.Table, len(msg.Metadata)+1)
	for key, value := range msg.Metadata {
		if len(key) > rabbitNameLimit {
			return amqp.Publishing{}, fmt.Errorf("header %.32q…: longer than %d bytes", key, rabbitNameLimit)
		}
		headers[key] = value
	}
	if property(msg.UUID) != msg.UUID {
		headers[wamqp.DefaultMessageUUIDHeaderKey] = msg.UUID
	}
	return amqp.Publishing{
		Headers:       headers,
		ContentType:   "application/json",
		DeliveryMode:  amqp.Persistent,
		CorrelationId: property(msg.Metadata.Get("correlation_id")),
		MessageId:     property(msg.UUID),
		Timestamp:     m.now(),
		Type:          property(msg.Metadata.Get(TypeHeader)),
		AppId:         property(m.app),
		Body:          msg.Payload,
	}, nil
}

// property leaves out what is too long for one. It stands in a header, too.
func property(value string) string {
	if len(value) > rabbitNameLimit {
		return ""
	}
	return value
}

// Unmarshal implements Watermill's interface. No header makes it fail: those that
// are no text become text, and what is not a single value is passed over, as are
// the counters of the broker.
func (m rabbitMarshaler) Unmarshal(d amqp.Delivery) (*message.Message, error) {
	long, _ := d.Headers[wamqp.DefaultMessageUUIDHeaderKey].(string)
	msg := message.NewMessage(cmp.Or(d.MessageId, long), d.Body)
	for key, value := range d.Headers {
		switch key {
		case wamqp.DefaultMessageUUIDHeaderKey, rabbitDeliveryCount, rabbitAcquiredCount:
			continue
		}
		switch value := value.(type) {
		case string:
			msg.Metadata[key] = value
		case []byte:
			msg.Metadata[key] = string(value)
		case time.Time:
			msg.Metadata[key] = value.UTC().Format(time.RFC3339)
		case bool, int8, uint8, int16, uint16, int32, uint32, int64, uint64, float32, float64:
			msg.Metadata[key] = fmt.Sprint(value)
		}
	}
	return msg, nil
}

// deliveries returns how often the broker has handed the message out, this time
// included.
func deliveries(d amqp.Delivery) int {
	count := func(header string) int {
		n, _ := d.Headers[header].(int64)
		return int(n)
	}
	return max(count(rabbitDeliveryCount), count(rabbitAcquiredCount)) + 1
}
