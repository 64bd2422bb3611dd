package estest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/millrace/millrace/internal/es"
)

// Golden are the stored forms of a catalogue, one file per type and schema, named
// <type>.v<schema>.json. They are what databases out there hold, so a file that
// is there is never written again.
type Golden[T any] struct {
	Dir       string
	Codec     *es.Codec[T]
	Catalogue []T
	Values    map[string]T // what each file decodes into, by its name without .json
	Add       bool         // write the files that are missing
}

// Test wants every file to decode into its value, values of the current schema to
// be encoded as their file is, and nothing to be missing. A value has no empty
// field, so that no name on the wire stays out of its file: a new field, even an
// optional one, is a new schema.
func (g Golden[T]) Test(t *testing.T) {
	expected := map[string]bool{}
	for _, typed := range g.Catalogue {
		name, current, _, err := g.Codec.Encode(typed)
		if err != nil {
			t.Fatal(err)
		}
		for schema := 1; schema <= current; schema++ {
			file := fmt.Sprintf("%s.v%d", name, schema)
			expected[file+".json"] = true
			t.Run(file, func(t *testing.T) {
				want, ok := g.Values[file]
				if !ok {
					t.Fatalf("no value says what %s is", file)
				}
				g.test(t, file, name, schema, current, want)
			})
		}
	}
	files, err := os.ReadDir(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !expected[f.Name()] {
			t.Errorf("%s is of no type and schema in the catalogue; what was written once has to stay readable", f.Name())
		}
	}
	for file := range g.Values {
		if !expected[file+".json"] {
			t.Errorf("value %s is of no type and schema in the catalogue", file)
		}
	}
}

func (g Golden[T]) test(t *testing.T, file, name string, schema, current int, want T) {
	path := filepath.Join(g.Dir, file+".json")
	if empty := emptyField(reflect.ValueOf(want), file); empty != "" {
		t.Errorf("%s is empty in the value", empty)
	}
	if schema == current && g.Add {
		g.add(t, path, want)
	}
	stored, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is missing; add it by running this test with -update", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.Codec.Decode(name, schema, stored)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s decodes into\n\t%+v\nwant\n\t%+v", path, got, want)
	}
	if written := encode(t, g.Codec, want); schema == current && !bytes.Equal(written, stored) {
		t.Errorf("the encoder writes\n%s\nwhich is not %s\n%s\nA new form needs a new schema and an upcast.", written, path, stored)
	}
}

// add writes a file unless it is there.
func (g Golden[T]) add(t *testing.T, path string, v T) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(encode(t, g.Codec, v))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// encode lays out the stored form of a value for people.
func encode[T any](t *testing.T, c *es.Codec[T], v T) []byte {
	t.Helper()
	_, _, data, err := c.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// emptyField returns the name of a field that is zero, or "" if none is.
func emptyField(v reflect.Value, name string) string {
	switch {
	case v.IsZero():
		return name
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if empty := emptyField(v.Index(i), fmt.Sprintf("%s[%d]", name, i)); empty != "" {
				return empty
			}
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			if empty := emptyField(v.Field(i), name+"."+f.Name); empty != "" {
				return empty
			}
		}
	}
	return ""
}
