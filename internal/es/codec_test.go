package es_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

type named struct {
	Name string `json:"-"`
	Text string `json:"text"`
}

func nameOf(n named) string { return n.Name }

// appending is an upcast that leaves a mark in the text.
func appending(from int, mark string) es.Upcast {
	return es.Upcast{Type: "a", From: from, Func: func(data json.RawMessage) (json.RawMessage, error) {
		return bytes.Replace(data, []byte(`"}`), []byte(mark+`"}`), 1), nil
	}}
}

func TestNewCodecRefusesACatalogueThatContradictsItself(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		catalogue []named
		upcasts   []es.Upcast
		want      string
	}{
		"a name used twice":           {[]named{{Name: "a"}, {Name: "b"}, {Name: "a"}}, nil, `type name "a" is used twice`},
		"an upcast of nothing":        {[]named{{Name: "b"}}, []es.Upcast{appending(1, "")}, `upcast of "a": not in the catalogue`},
		"a chain that begins too far": {[]named{{Name: "a"}}, []es.Upcast{appending(2, "")}, `upcast of "a": from schema 2, want 1`},
		"a chain with a gap":          {[]named{{Name: "a"}}, []es.Upcast{appending(1, ""), appending(3, "")}, `upcast of "a": from schema 3, want 2`},
		"a link used twice":           {[]named{{Name: "a"}}, []es.Upcast{appending(1, ""), appending(1, "")}, `upcast of "a": from schema 1, want 2`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := es.NewCodec(test.catalogue, nameOf, test.upcasts...); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestCodecUpcastsFromTheSchemaAValueWasWrittenUnder(t *testing.T) {
	t.Parallel()
	codec, err := es.NewCodec([]named{{Name: "a"}, {Name: "b"}}, nameOf, appending(1, "-two"), appending(2, "-three"))
	if err != nil {
		t.Fatal(err)
	}
	for schema, want := range map[int]string{1: "x-two-three", 2: "x-three", 3: "x"} {
		got, err := codec.Decode("a", schema, []byte(`{"text":"x"}`))
		if err != nil || got.Text != want {
			t.Errorf("schema %d decodes into %q, %v, want %q", schema, got.Text, err, want)
		}
	}
	for name, want := range map[string]int{"a": 3, "b": 1} {
		if _, got, data, err := codec.Encode(named{Name: name, Text: "x"}); err != nil || got != want || string(data) != `{"text":"x"}` {
			t.Errorf("%s is encoded as %s under schema %d, %v, want schema %d", name, data, got, err, want)
		}
	}
}

func TestCodecRefusesWhatItCannotKnow(t *testing.T) {
	t.Parallel()
	broken := es.Upcast{Type: "a", From: 1, Func: func(json.RawMessage) (json.RawMessage, error) { return nil, errBroken }}
	codec, err := es.NewCodec([]named{{Name: "a"}}, nameOf, broken)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		typeName string
		schema   int
		data     string
		want     string
	}{
		"an unknown type":            {"c", 1, `{}`, `type "c" is not in the catalogue`},
		"a schema from the future":   {"a", 3, `{}`, "decode a: schema 3 is not one of 1 to 2"},
		"a schema before the first":  {"a", 0, `{}`, "decode a: schema 0 is not one of 1 to 2"},
		"an upcast that breaks":      {"a", 1, `{}`, "upcast a from schema 1: broken"},
		"bytes that are no JSON":     {"a", 2, `{`, "decode a: unexpected end of JSON input"},
		"a value of another type":    {"a", 2, `{"text":1}`, "decode a: json: cannot unmarshal number"},
		"no bytes where some belong": {"a", 2, ``, "decode a: unexpected end of JSON input"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if v, err := codec.Decode(test.typeName, test.schema, []byte(test.data)); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, %v, want %s", v, err, test.want)
			}
		})
	}
	if _, err := codec.Decode("a", 1, nil); !errors.Is(err, errBroken) {
		t.Errorf("the error of an upcast is %v, want it to wrap its cause", err)
	}
	if _, _, _, err := codec.Encode(named{Name: "c"}); err == nil {
		t.Error("a value that is not in the catalogue was encoded")
	}
}

func TestDecodeRecordSaysWhichRecordItCouldNotRead(t *testing.T) {
	t.Parallel()
	r := history(1)[0]
	if e, err := es.DecodeRecord(newCodec(t), r); err != nil || e != (added{1}) {
		t.Errorf("got %v, %v, want 1", e, err)
	}
	r.Type = "removed"
	if _, err := es.DecodeRecord(newCodec(t), r); err == nil || !strings.HasPrefix(err.Error(), "tally-7 version 1: ") {
		t.Errorf("got %v, want the stream and the version in it", err)
	}
}
