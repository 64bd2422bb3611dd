package messages

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"pgregory.net/rapid"

	"github.com/millrace/millrace/internal/es"
)

// anyTime draws a time that a header can hold.
func anyTime(t *rapid.T) time.Time {
	first, last := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	seconds := rapid.Int64Range(first.Unix(), last.Unix()).Draw(t, "seconds")
	return time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC()
}

func anyOrigin(t *rapid.T) es.Metadata {
	text := rapid.String()
	return es.Metadata{
		CommandID: text.Draw(t, "command"), CorrelationID: text.Draw(t, "correlation"), CausationID: text.Draw(t, "causation"),
		Traceparent: text.Draw(t, "traceparent"), Actor: text.Draw(t, "actor"),
	}
}

func anyPayload(t *rapid.T) json.RawMessage {
	return rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "payload")
}

// carry marshals a value and unmarshals it again.
func carry[T any](t *rapid.T, v T) (carried T) {
	m, err := marshaler{}.Marshal(&v)
	if err != nil {
		t.Fatal(err)
	}
	if err := (marshaler{}).Unmarshal(m, &carried); err != nil {
		t.Fatal(err)
	}
	return carried
}

func TestCommandsSurviveTheWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		c := es.Envelope{
			ID: text.Draw(t, "id"), Type: text.Draw(t, "type"), Target: text.Draw(t, "target"),
			Schema: rapid.Int().Draw(t, "schema"), Payload: anyPayload(t),
			Metadata: anyOrigin(t), AcceptedAt: anyTime(t),
		}
		for _, v := range rapid.SliceOfN(rapid.Int64(), 0, 5).Draw(t, "expected") {
			c.Expected = append(c.Expected, es.Version(v))
		}
		if got := carry(t, c); !reflect.DeepEqual(got, c) {
			t.Errorf("got %+v, want %+v", got, c)
		}
	})
}

func TestEventsSurviveTheWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		r := es.Record{
			ID: text.Draw(t, "id"), Stream: es.StreamOf("order", text.Draw(t, "order")), Type: text.Draw(t, "type"),
			Version: es.Version(rapid.Int64().Draw(t, "version")), Schema: rapid.Int().Draw(t, "schema"),
			Data: anyPayload(t), Metadata: anyOrigin(t), OccurredAt: anyTime(t),
		}
		if got := carry(t, r); !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, want %+v", got, r)
		}
	})
}

// Everything says which store it comes from. What comes from this one, or says nothing
// of a store, is of nobody else.
func TestMessagesSayWhichStoreTheyComeFrom(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ from, to, source, want string }{
		{"a", "b", "millrace/a", "a"},
		{"a", "a", "millrace/a", ""},
		{"", "b", "millrace", ""},
		{"a", "", "millrace/a", "a"},
		{"millrace", "b", "millrace/millrace", "millrace"},
	} {
		c, r := envelope("c-1"), record("e-1", "o-1")
		for _, v := range []any{&c, &r} {
			m, err := marshaler{test.from}.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Metadata.Get("ce_source"); got != test.source {
				t.Errorf("%T from %q says that it is from %q, want %q", v, test.from, got, test.source)
			}
			var (
				asCommand es.Envelope
				asEvent   es.Record
				origin    *string
			)
			if _, ok := v.(*es.Envelope); ok {
				err, origin = marshaler{test.to}.Unmarshal(m, &asCommand), &asCommand.Origin
			} else {
				err, origin = marshaler{test.to}.Unmarshal(m, &asEvent), &asEvent.Metadata.Origin
			}
			if err != nil || *origin != test.want {
				t.Errorf("%T from %q is from %q for %q, %v, want %q", v, test.from, *origin, test.to, err, test.want)
			}
			if asCommand.Metadata.Origin != "" { // or what follows from it would pass for the sender's
				t.Errorf("the metadata of a command name %q", asCommand.Metadata.Origin)
			}
		}
	}
	m := command(t, "c-1")
	for _, other := range []string{"", "https://elsewhere.example/orders", "millrace-2"} {
		var c es.Envelope
		m.Metadata.Set("ce_source", other)
		if err := (marshaler{"b"}).Unmarshal(m, &c); err != nil || c.Origin != "" {
			t.Errorf("a command from %q is from %q, %v, want it to be from nobody else", other, c.Origin, err)
		}
	}
}

// The fingerprint of a request matters to the journal, not to who carries it out.
func TestFingerprintsStayAtHome(t *testing.T) {
	t.Parallel()
	c := envelope("c-1")
	c.Fingerprint = "of a card number"
	m, err := marshaler{}.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	for header, value := range m.Metadata {
		if strings.Contains(value, c.Fingerprint) {
			t.Errorf("%s gives the fingerprint away", header)
		}
	}
}

// Other programs read these headers: their names and their form do not change.
func TestHeadersAreThoseOfCloudEvents(t *testing.T) {
	t.Parallel()
	origin := es.Metadata{CommandID: "c-1", CorrelationID: "r-1", CausationID: "m-1", Traceparent: "00-t", Actor: "ann"}
	c, r := envelope("c-1"), es.Record{
		ID: "e-1", Stream: "order-o-1", Version: 7, Type: "order.tested", Schema: 2, Data: []byte(`{}`), Metadata: origin,
		OccurredAt: noon.In(time.FixedZone("", 3600)),
	}
	c.Expected = []es.Version{3, 4}
	for _, test := range []struct {
		value any
		want  message.Metadata
	}{
		{&c, message.Metadata{
			"ce_specversion": "1.0", "ce_id": "c-1", "ce_source": "millrace", "ce_type": "order.test", "ce_subject": "o-1",
			"ce_time": "2025-03-01T12:00:00.123456Z", "ce_schemaversion": "1", "expected_versions": "[3,4]",
		}},
		{&r, message.Metadata{
			"ce_specversion": "1.0", "ce_id": "e-1", "ce_source": "millrace", "ce_type": "order.tested", "ce_subject": "o-1",
			"ce_time": "2025-03-01T12:00:00.123456Z", "ce_schemaversion": "2", "ce_streamversion": "7", "ce_stream": "order-o-1",
			"correlation_id": "r-1", "causation_id": "m-1", "command_id": "c-1", "traceparent": "00-t", "actor": "ann",
		}},
	} {
		m, err := marshaler{}.Marshal(test.value)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m.Metadata, test.want) || m.UUID != test.want["ce_id"] {
			t.Errorf("message %s has the headers\n%v, want\n%v", m.UUID, m.Metadata, test.want)
		}
		if name := (marshaler{}).NameFromMessage(m); name != (marshaler{}).Name(test.value) || name != test.want["ce_type"] {
			t.Errorf("the message is named %s, want %s", name, test.want["ce_type"])
		}
	}
}

func TestOnlyCommandsAndEventsGoByTheWire(t *testing.T) {
	t.Parallel()
	for _, other := range []any{nil, "text", es.Envelope{}, es.Record{}, &es.Outcome{}} {
		if m, err := (marshaler{}).Marshal(other); err == nil {
			t.Errorf("marshaled %T as %v, want an error", other, m)
		}
		if err := (marshaler{}).Unmarshal(command(t, "c-1"), other); err == nil {
			t.Errorf("unmarshaled into %T, want an error", other)
		}
		if name := (marshaler{}).Name(other); name != "" {
			t.Errorf("%T is named %q, want no name", other, name)
		}
	}
}

// FuzzMessage reads whatever a message may hold, as a command and as an event.
func FuzzMessage(f *testing.F) {
	f.Add("m", "order.test", "o-1", "2025-03-01T12:00:00.123456Z", "1", "7", "[3,4]", []byte(`{}`))
	f.Add("", "", "", "", "", "", "", []byte(nil))
	f.Add("m", "order.test", "o-1", "9999-12-31T23:59:59-23:59", "-1", "9223372036854775808", `{"a":[1e999]}`, []byte{0xff})
	f.Add("m", "order.test", "o-1", "2025-03-01T12:00:00Z", "01", "0x7", "null", []byte("\x00"))
	f.Fuzz(func(t *testing.T, id, name, subject, at, schema, version, expected string, payload []byte) {
		m := message.NewMessage(id, payload)
		for header, value := range map[string]string{
			headerType: name, headerSubject: subject, headerTime: at, headerSchema: schema, headerVersion: version,
			headerExpected: expected, headerStream: subject,
		} {
			m.Metadata.Set(header, value)
		}
		var c es.Envelope
		if err := (marshaler{}).Unmarshal(m, &c); err == nil && (c.ID != id || c.Type != name || c.Target != subject || string(c.Payload) != string(payload)) {
			t.Errorf("read the command %+v from %v", c, m)
		}
		var r es.Record
		if err := (marshaler{}).Unmarshal(m, &r); err == nil && (r.ID != id || r.Type != name || string(r.Stream) != subject || string(r.Data) != string(payload)) {
			t.Errorf("read the event %+v from %v", r, m)
		}
		if shown := (Letter{Handler: name, Message: m, Err: errUnreadable}).Shown(noon); shown.Metadata[headerSubject] != subject {
			t.Errorf("shown as %v", shown)
		}
	})
}
