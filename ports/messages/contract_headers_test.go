package messages_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/messages"
)

// recorder is a publisher that keeps what it gets.
type recorder struct {
	topic string
	sent  *message.Message
}

// Publish implements message.Publisher.
func (r *recorder) Publish(topic string, sent ...*message.Message) error {
	r.topic, r.sent = topic, sent[0]
	return nil
}

// Close implements message.Publisher.
func (*recorder) Close() error { return nil }

// The ids of the store that sends, and of one that it writes letters to.
const (
	here  = "k3vq7n2xw5cjd4thzbm6yfra2e"
	other = "t6pz4m7gyc2hrw3ndxq5vbfk7s"
)

// carried returns what a command, an event or a letter is on the wire.
func carried(t *testing.T, v any) *recorder {
	t.Helper()
	r := &recorder{}
	bus, err := messages.NewBus(messages.BusConfig{Store: here, Commands: r, Events: r, Log: watermill.NopLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	switch v := v.(type) {
	case es.Envelope:
		err = bus.Send(t.Context(), v)
	case es.Record:
		err = bus.Publish(t.Context(), []es.Record{v})
	case es.Question:
		err = bus.Ask(t.Context(), v)
	case es.Answer:
		err = bus.Answer(t.Context(), other, v)
	case es.Outcome:
		err = bus.Tell(t.Context(), other, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// headers returns the schema of the headers of a kind of message: all that there are,
// and those that are always there.
func (c contract) headers(schema object) (all, required []string) {
	c.Helper()
	schema = c.resolve(schema)
	properties, _ := schema["properties"].(object)
	all = slices.Collect(maps.Keys(properties))
	always, _ := schema["required"].([]any)
	for _, name := range always {
		required = append(required, name.(string))
	}
	parts, _ := schema["allOf"].([]any)
	for _, part := range parts {
		more, always := c.headers(part.(object))
		all, required = append(all, more...), append(required, always...)
	}
	slices.Sort(all)
	slices.Sort(required)
	return slices.Compact(all), slices.Compact(required)
}

// fill gives every field below a value something that is not its zero value.
func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2025, 3, 1, 12, 0, 0, 123_456_000, time.UTC)))
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(`{}`))
	case v.Kind() == reflect.Struct:
		for _, field := range v.Fields() {
			fill(field)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case v.Kind() == reflect.String:
		v.SetString("order-1")
	case v.CanInt():
		v.SetInt(7)
	}
}

func filled[T any]() (v T) {
	fill(reflect.ValueOf(&v).Elem())
	return v
}

func TestContractHasEveryHeader(t *testing.T) {
	t.Parallel()
	c, at := readContract(t), time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		kind          string
		full, sparing any
	}{
		{"command", filled[es.Envelope](), es.Envelope{ID: "c-1", Type: "order.cancel", Target: "o-1", Schema: 1, AcceptedAt: at}},
		{"event", filled[es.Record](), es.Record{ID: "e-1", Type: "order.canceled", Stream: "order-o-1", Version: 1, Schema: 1, OccurredAt: at}},
	} {
		pointer := "/components/messageTraits/" + test.kind + "/headers"
		all, required := c.headers(c.at(pointer))
		if got := names(carried(t, test.full).sent.Metadata); !slices.Equal(got, all) {
			t.Errorf("%ss have the headers\n\t%v and in the contract\n\t%v", test.kind, got, all)
		}
		if got := names(carried(t, test.sparing).sent.Metadata); !slices.Equal(got, required) {
			t.Errorf("%ss always have the headers\n\t%v and in the contract\n\t%v", test.kind, got, required)
		}
	}
}

func TestHeadersKeepTheContract(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	commands, events := catalogues()
	from := es.Metadata{
		CommandID: "c-1", CorrelationID: "r-1", CausationID: "m-1", Actor: "process:checkout",
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
	at := time.Date(2025, 3, 1, 12, 0, 0, 123_456_000, time.FixedZone("", 3600))
	check := func(kind, channel, name string, v any) {
		t.Helper()
		r := carried(t, v)
		headers := object{}
		for key, value := range r.sent.Metadata {
			headers[key] = value
		}
		if err := c.schema("/components/messageTraits/" + kind + "/headers").Validate(headers); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
		if want := c.at("/channels/" + channel)["address"]; r.topic != want {
			t.Errorf("%s goes to %s, want %s", name, r.topic, want)
		}
	}
	for name := range commands {
		for _, expected := range [][]es.Version{nil, {0}, {3, 4}} {
			check("command", name, name, es.Envelope{
				ID: "c-1", Type: name, Target: "o-1", Schema: 1, Payload: []byte(`{}`), Expected: expected, Metadata: from, AcceptedAt: at,
			})
		}
	}
	for name := range events {
		category, _, _ := strings.Cut(name, ".")
		check("event", "events", name, es.Record{
			ID: "e-1", Type: name, Stream: es.StreamOf(category, "o-1"), Version: 12, Schema: 1, Data: []byte(`{}`), Metadata: from, OccurredAt: at,
		})
	}
}
