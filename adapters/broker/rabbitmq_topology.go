package broker

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// rabbitLossyLength is how many hints a queue holds. A handler that is off for
	// weeks does not fill the disk of the broker; the oldest hints go first.
	rabbitLossyLength = 1_000_000

	// rabbitNoDeliveryLimit is a limit that nobody reaches. RabbitMQ 4 has one of 20
	// by itself, and drops a message beyond it. The -1 that switches it off there
	// makes 3.10 drop a message at its first nack.
	rabbitNoDeliveryLimit = math.MaxInt32

	// rabbitNameLimit is the longest name, key or property in AMQP, in bytes. The
	// client library breaks the connection over a longer one.
	rabbitNameLimit = 255
)

// rabbitTopology says which exchanges, keys and queues stand for topics and
// groups. Exchanges are durable and of type topic; queues are quorum queues.
//
// A topic that is a family, or that belongs to none, is an exchange; the routing
// key is the message's type. A topic below a family, such as
// millrace.commands.order.submit, is the rest as the key in the family's exchange.
type rabbitTopology struct {
	families []string
}

// route returns where a message of a type goes.
func (t rabbitTopology) route(topic, kind string) (exchange, key string, err error) {
	exchange, key, below := t.below(topic)
	if !below {
		key = kind
	}
	if len(exchange) > rabbitNameLimit || len(key) > rabbitNameLimit {
		return "", "", fmt.Errorf("exchange %q or routing key %q: longer than %d bytes", exchange, key, rabbitNameLimit)
	}
	return exchange, key, nil
}

// below splits a topic below a family. Any other is an exchange itself.
func (t rabbitTopology) below(topic string) (exchange, key string, below bool) {
	for _, family := range t.families {
		if rest, found := strings.CutPrefix(topic, family+"."); found {
			return family, rest, true
		}
	}
	return topic, "", false
}

// queue returns the name of a group's queue on a topic.
func (t rabbitTopology) queue(topic, group string) string {
	switch {
	case group == "":
		return topic
	case strings.HasPrefix(group, topic):
		return group
	}
	return topic + "." + group
}

// keys returns what the queue is bound by.
func (t rabbitTopology) keys(topic string, types []string) []string {
	if _, key, below := t.below(topic); below {
		return []string{key}
	}
	if len(types) == 0 {
		return []string{"#"}
	}
	return types
}

// settings are in the terms of Watermill's builder, which declares what they say.
func (t rabbitTopology) settings(lossy bool) wamqp.Config {
	arguments := amqp.Table{
		amqp.QueueTypeArg:  amqp.QueueTypeQuorum,
		"x-delivery-limit": rabbitNoDeliveryLimit,
	}
	if lossy {
		arguments[amqp.QueueMaxLenArg] = rabbitLossyLength
		arguments[amqp.QueueOverflowArg] = "drop-head"
	}
	return wamqp.Config{
		Exchange: wamqp.ExchangeConfig{Type: amqp.ExchangeTopic, Durable: true},
		Queue:    wamqp.QueueConfig{Durable: true, Arguments: arguments},
	}
}

// declareExchange makes an exchange unless it is there.
func (t rabbitTopology) declareExchange(channel *amqp.Channel, exchange string) error {
	return (&wamqp.DefaultTopologyBuilder{}).ExchangeDeclare(channel, exchange, t.settings(false))
}

// declareQueue makes a group's queue, its exchange and its bindings unless they
// are there. Bindings of types that the group wanted once stay: AMQP cannot list
// them. What they bring is passed over by the subscription, until an operator
// unbinds it.
func (t rabbitTopology) declareQueue(channel *amqp.Channel, topic string, c QueueConfig) error {
	exchange, _, _ := t.below(topic)
	queue := t.queue(topic, c.Group)
	keys := t.keys(topic, c.Types)
	tooLong := func(name string) bool { return len(name) > rabbitNameLimit }
	if i := slices.IndexFunc(append([]string{exchange, queue}, keys...), tooLong); i >= 0 {
		return fmt.Errorf("declare queue %q of topic %q: a name is longer than %d bytes", queue, topic, rabbitNameLimit)
	}
	for _, key := range keys {
		params := wamqp.BuildTopologyParams{Topic: topic, QueueName: queue, ExchangeName: exchange, RoutingKey: key}
		if err := (&wamqp.DefaultTopologyBuilder{}).BuildTopology(channel, params, t.settings(c.Lossy), watermill.NopLogger{}); err != nil {
			return fmt.Errorf("declare queue %s: %w", queue, err)
		}
	}
	return nil
}
