package es

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Upcast rewrites the stored form of a value from schema From to From+1.
type Upcast struct {
	Type string
	From int
	Func func(json.RawMessage) (json.RawMessage, error)
}

// Codec turns the values of a catalogue, events or commands, into stored bytes
// and back. A value's current schema is one more than the number of its upcasts,
// so the two cannot drift apart.
type Codec[T any] struct {
	name    func(T) string
	types   map[string]reflect.Type
	upcasts map[string][]Upcast
}

// NewCodec returns a codec for the values in a catalogue, which name says the
// wire names of. It fails if a name is used twice or an upcast chain has a gap.
func NewCodec[T any](catalogue []T, name func(T) string, upcasts ...Upcast) (*Codec[T], error) {
	c := &Codec[T]{name: name, types: map[string]reflect.Type{}, upcasts: map[string][]Upcast{}}
	for _, v := range catalogue {
		if _, ok := c.types[name(v)]; ok {
			return nil, fmt.Errorf("type name %q is used twice", name(v))
		}
		c.types[name(v)] = reflect.TypeOf(v)
	}
	for _, u := range upcasts {
		if _, ok := c.types[u.Type]; !ok {
			return nil, fmt.Errorf("upcast of %q: not in the catalogue", u.Type)
		}
		if want := len(c.upcasts[u.Type]) + 1; u.From != want {
			return nil, fmt.Errorf("upcast of %q: from schema %d, want %d", u.Type, u.From, want)
		}
		c.upcasts[u.Type] = append(c.upcasts[u.Type], u)
	}
	return c, nil
}

// Encode returns the wire name, the current schema and the bytes of a value.
func (c *Codec[T]) Encode(v T) (name string, schema int, data json.RawMessage, err error) {
	name = c.name(v)
	if _, ok := c.types[name]; !ok {
		return "", 0, nil, fmt.Errorf("type %q is not in the catalogue", name)
	}
	if data, err = json.Marshal(v); err != nil {
		return "", 0, nil, fmt.Errorf("encode %s: %w", name, err)
	}
	return name, len(c.upcasts[name]) + 1, data, nil
}

// Decode returns a value from bytes written under any schema so far.
func (c *Codec[T]) Decode(name string, schema int, data json.RawMessage) (T, error) {
	var none T
	t, ok := c.types[name]
	if !ok {
		return none, fmt.Errorf("type %q is not in the catalogue", name)
	}
	chain := c.upcasts[name]
	if schema < 1 || schema > len(chain)+1 {
		return none, fmt.Errorf("decode %s: schema %d is not one of 1 to %d", name, schema, len(chain)+1)
	}
	for _, u := range chain[schema-1:] {
		var err error
		if data, err = u.Func(data); err != nil {
			return none, fmt.Errorf("upcast %s from schema %d: %w", name, u.From, err)
		}
	}
	v := reflect.New(t)
	if err := json.Unmarshal(data, v.Interface()); err != nil {
		return none, fmt.Errorf("decode %s: %w", name, err)
	}
	return v.Elem().Interface().(T), nil
}

// DecodeRecord returns the event in a record.
func DecodeRecord[E Event](c *Codec[E], r Record) (E, error) {
	e, err := c.Decode(r.Type, r.Schema, r.Data)
	if err != nil {
		return e, fmt.Errorf("%s version %d: %w", r.Stream, r.Version, err)
	}
	return e, nil
}
