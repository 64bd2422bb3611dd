package messages_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

func TestContractHasEveryFieldOfTheCode(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	commands, events := catalogues()
	for _, all := range []map[string]any{commands, events} {
		for name, value := range all {
			payload := c.at("/components/messages/" + name + "/payload")
			c.compare(name, payload, reflect.TypeOf(value))
		}
	}
}

// field is how JSON has a field of a struct.
type field struct {
	of       reflect.Type
	optional bool
}

// fieldsOf returns the fields of a struct as JSON has them, those of embedded structs
// among them.
func fieldsOf(of reflect.Type) map[string]field {
	fields := map[string]field{}
	for _, f := range reflect.VisibleFields(of) {
		if f.Anonymous || !f.IsExported() || of == reflect.TypeFor[es.Metadata]() && f.Name == "Origin" {
			continue // a store tells only of what was made in it
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = field{f.Type, strings.Contains(options, "omit")}
	}
	return fields
}

// compare reports where a schema is not that of a type.
func (c contract) compare(where string, schema object, of reflect.Type) {
	c.Helper()
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	schema = c.resolve(schema)
	want := object{}
	switch {
	case of == reflect.TypeFor[time.Time]():
		want["type"], want["format"] = "string", "date-time"
	case of.Kind() == reflect.String:
		want["type"] = "string"
	case of == reflect.TypeFor[[]byte]():
		want["type"], want["contentEncoding"] = "string", "base64"
	case of.Kind() == reflect.Int, of.Kind() == reflect.Int64:
		want["type"], want["format"] = "integer", "int64"
	case of.Kind() == reflect.Slice:
		want["type"] = "array"
		items, _ := schema["items"].(object)
		c.compare(where+"[]", items, of.Elem())
	case of.Kind() == reflect.Map:
		want["type"] = "object"
		values, _ := schema["additionalProperties"].(object)
		c.compare(where+"{}", values, of.Elem())
	case of.Kind() == reflect.Struct:
		want["type"] = "object"
		c.compareFields(where, schema, of)
	default:
		c.Errorf("%s is a %s, which no message has had so far", where, of)
	}
	for key, value := range want {
		if schema[key] != value {
			c.Errorf("%s has the %s %v, want %v", where, key, schema[key], value)
		}
	}
}

func (c contract) compareFields(where string, schema object, of reflect.Type) {
	c.Helper()
	properties, _ := schema["properties"].(object)
	fields := fieldsOf(of)
	if got, want := names(properties), names(fields); !slices.Equal(got, want) {
		c.Errorf("%s has the fields\n\t%v in the contract and\n\t%v in the code", where, got, want)
		return
	}
	var required, wanted []string
	some, _ := schema["required"].([]any)
	for _, name := range some {
		required = append(required, name.(string))
	}
	slices.Sort(required)
	for _, name := range names(fields) {
		if !fields[name].optional {
			wanted = append(wanted, name)
		}
		c.compare(where+"."+name, properties[name].(object), fields[name].of)
	}
	if !slices.Equal(required, wanted) {
		c.Errorf("%s requires\n\t%v in the contract and\n\t%v in the code", where, required, wanted)
	}
}

// strict returns the contract without room for fields that it does not have. Readers
// pass over those; in what we write ourselves they are mistakes.
func (c contract) strict() contract {
	c.Helper()
	var shut func(any)
	shut = func(value any) {
		switch value := value.(type) {
		case object:
			if value["type"] == "object" && value["properties"] != nil {
				value["additionalProperties"] = false
			}
			for _, inner := range value {
				shut(inner)
			}
		case []any:
			for _, inner := range value {
				shut(inner)
			}
		}
	}
	strict := readContract(c.T)
	shut(strict.document)
	return strict
}

func TestExamplesHaveNoFieldOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := readContract(t).strict()
	for name, message := range c.at("/components/messages") {
		for _, example := range message.(object)["examples"].([]any) {
			if err := c.schema("/components/messages/" + name + "/payload").Validate(example.(object)["payload"]); err != nil {
				t.Errorf("the example of %s: %#v", name, err)
			}
		}
	}
}

// schemas returns the present schema of every command and event.
func schemas(t *testing.T) map[string]int {
	t.Helper()
	present := map[string]int{}
	schemasOf(t, present, command.Catalogue(), command.Command.CommandType)
	schemasOf(t, present, order.Catalogue(), order.Event.EventType)
	schemasOf(t, present, payment.Catalogue(), payment.Event.EventType)
	schemasOf(t, present, ticket.Catalogue(), ticket.Event.EventType)
	return present
}

func schemasOf[T any](t *testing.T, present map[string]int, catalogue []T, name func(T) string) {
	t.Helper()
	codec, err := es.NewCodec(catalogue, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range catalogue {
		name, schema, _, err := codec.Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		present[name] = schema
	}
}

// The golden files hold what was written once. Those of the present schemas are what
// the contract promises to others.
func TestWhatIsWrittenKeepsTheContract(t *testing.T) {
	t.Parallel()
	c, present := readContract(t).strict(), schemas(t)
	for _, pattern := range []string{"../../app/command/testdata/commands/*.json", "../../domain/*/testdata/events/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Errorf("%s finds %d files (%v)", pattern, len(files), err)
		}
		for _, file := range files {
			name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), ".v")
			if version != strconv.Itoa(present[name]) {
				continue // it was written under a former schema
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.schema("/components/messages/" + name + "/payload").Validate(decoded(t, data)); err != nil {
				t.Errorf("%s: %#v", file, err)
			}
		}
	}
}
