package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/millrace/millrace/api"
)

// messages reads the AsyncAPI document as JSON.
func messages(t *testing.T) map[string]any {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(api.Messages, &document); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	read, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return read.(map[string]any)
}

// officialSchema is the JSON Schema of AsyncAPI 3.0.0 as its authors publish it, in the npm package
// @asyncapi/specs 6.11.1 as schemas/3.0.0-without-$id.json, under the Apache License 2.0.
func officialSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file, err := os.Open("testdata/asyncapi-3.0.0/schema.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	return compiled(t, schema, "")
}

// compiled returns the schema at a pointer into a document.
func compiled(t *testing.T, document any, pointer string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // which the schemas of AsyncAPI extend
	c.AssertFormat()
	if err := c.AddResource("document.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("document.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestMessages(t *testing.T) {
	t.Parallel()
	document := messages(t)

	t.Run("are a valid AsyncAPI document", func(t *testing.T) {
		t.Parallel()
		if err := officialSchema(t).Validate(document); err != nil {
			t.Errorf("%#v", err)
		}
	})

	t.Run("refer to what is there, and to all of it", func(t *testing.T) {
		t.Parallel()
		referred := map[string]bool{}
		walk(document, "", func(pointer string, object map[string]any) {
			ref, ok := object["$ref"].(string)
			if !ok {
				return
			}
			target, local := strings.CutPrefix(ref, "#")
			if found, ok := at(document, target).(map[string]any); !local || !ok || len(found) == 0 {
				t.Errorf("%s refers to %s, where nothing is", pointer, ref)
			}
			referred[target] = true
		})
		for kind, components := range document["components"].(map[string]any) {
			for name := range components.(map[string]any) {
				if pointer := "/components/" + kind + "/" + name; !referred[pointer] {
					t.Errorf("nothing refers to %s", pointer)
				}
			}
		}
	})

	t.Run("look like their examples", func(t *testing.T) {
		t.Parallel()
		for name, message := range at(document, "/components/messages").(map[string]any) {
			examples, _ := message.(map[string]any)["examples"].([]any)
			if len(examples) == 0 {
				t.Errorf("%s has no example", name)
			}
			for _, example := range examples {
				for part, value := range example.(map[string]any) {
					if part != "payload" && part != "headers" {
						continue
					}
					if err := compiled(t, document, "/components/messages/"+name+"/"+part).Validate(value); err != nil {
						t.Errorf("%s: %#v", name, err)
					}
				}
			}
		}
		walk(at(document, "/components/schemas"), "/components/schemas", func(pointer string, schema map[string]any) {
			examples, _ := schema["examples"].([]any)
			for _, example := range examples {
				if err := compiled(t, document, pointer).Validate(example); err != nil {
					t.Errorf("%s: %#v", pointer, err)
				}
			}
		})
	})

	t.Run("are described, and so are their fields", func(t *testing.T) {
		t.Parallel()
		for name, message := range at(document, "/components/messages").(map[string]any) {
			if text, _ := message.(map[string]any)["summary"].(string); !strings.HasSuffix(text, ".") {
				t.Errorf("%s is summed up as %q, want a sentence", name, text)
			}
		}
		walk(document["components"], "/components", func(pointer string, schema map[string]any) {
			properties, _ := schema["properties"].(map[string]any)
			for name, field := range properties {
				field := field.(map[string]any)
				if text, _ := field["description"].(string); field["$ref"] == nil && !strings.HasSuffix(text, ".") {
					t.Errorf("%s/%s is described as %q, want a sentence", pointer, name, text)
				}
			}
		})
	})
}

// walk calls see for every object in a value and in those below it.
func walk(value any, pointer string, see func(pointer string, object map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		see(pointer, value)
		for _, key := range slices.Sorted(maps.Keys(value)) {
			walk(value[key], pointer+"/"+key, see)
		}
	case []any:
		for _, element := range value {
			walk(element, pointer, see)
		}
	}
}

// at returns what is at a pointer into a document, or nil if nothing is.
func at(document any, pointer string) any {
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		object, _ := document.(map[string]any)
		document = object[key]
	}
	return document
}
