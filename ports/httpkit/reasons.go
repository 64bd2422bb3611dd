package httpkit

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// mostErrors is how many things are said that are wrong with a body. There may be one
// for each few bytes of it.
const mostErrors = 100

// inputErrors lists what is wrong with a body, and where.
func inputErrors(err error) []InputError {
	if many, ok := errors.AsType[openapi3.MultiError](err); ok {
		var all []InputError
		said := map[InputError]bool{} // an empty text is also a blank one
		for _, e := range many {
			for _, one := range inputErrors(e) {
				if len(all) == mostErrors {
					return all
				}
				if !said[one] {
					said[one] = true
					all = append(all, one)
				}
			}
		}
		return all
	}
	e, ok := errors.AsType[*openapi3.SchemaError](err)
	if !ok {
		return []InputError{{Detail: err.Error()}}
	}
	return []InputError{{Pointer: pointer(e), Detail: Reason(e)}}
}

// unsupported is how the contract's checker says that it does not know a
// property. Its pointer is that of the object around it.
var unsupported = regexp.MustCompile(`^property ("(?:[^"\\]|\\.)*") is unsupported$`)

func pointer(e *openapi3.SchemaError) string {
	keys := e.JSONPointer()
	if m := unsupported.FindStringSubmatch(e.Reason); m != nil {
		if name, err := strconv.Unquote(m[1]); err == nil {
			keys = append(slices.Clone(keys), name)
		}
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, key := range keys {
		b.WriteString("/" + escape.Replace(key))
	}
	return b.String()
}

func summary(errs []InputError) string {
	s := strings.TrimSpace(errs[0].Pointer + " " + errs[0].Detail)
	if len(errs) > 1 {
		s += fmt.Sprintf(", and %d more", len(errs)-1)
	}
	return s
}

// notUUID is what is said of an id that is none, by all listeners.
const notUUID = "must be a UUID"

// patterns are the words for those whose text does not match a pattern of a contract.
var patterns = map[string]string{
	`\S`: "must not be blank",
	`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`: notUUID,
	`^[A-Z]{3}$`:        "must be three capital letters",
	`^[A-Z]{2}$`:        "must be two capital letters",
	`^[^@\s]+@[^@\s]+$`: "must be an email address",
	`^[0-9]{1,19}$`:     "must be a number of at most 19 digits",
}

// Reason finds the plainest words in an error of the contract's checker.
func Reason(err error) string {
	if e, ok := errors.AsType[*openapi3.SchemaError](err); ok {
		words, known := patterns[e.Schema.Pattern]
		if known && (e.SchemaField == "pattern" || e.SchemaField == "minLength" && e.Value == "") {
			return words
		}
		return e.Reason
	}
	if e, ok := errors.AsType[*openapi3filter.ParseError](err); ok {
		return "cannot be read: " + e.Error()
	}
	if e, ok := errors.AsType[*openapi3filter.RequestError](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}
