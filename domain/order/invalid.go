package order

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Invalid is input that can never be right, whatever state the order is in.
type Invalid struct {
	Code       string
	Violations []Violation
}

// Violation is one thing that is wrong with the input.
type Violation struct {
	Pointer string `json:"pointer"` // JSON pointer into the command
	Detail  string `json:"detail"`
}

func (e Invalid) Error() string {
	details := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		details[i] = v.Pointer + " " + v.Detail
	}
	return strings.Join(details, "; ")
}

// RejectionCode returns the stable code.
func (e Invalid) RejectionCode() string { return e.Code }

// violations collects what is wrong with some input.
type violations []Violation

func (v *violations) require(ok bool, pointer, detail string) {
	if !ok {
		*v = append(*v, Violation{pointer, detail})
	}
}

// text requires between shortest and longest characters, and one that is not a
// blank where the text may not be empty.
func (v *violations) text(pointer, s string, shortest, longest int) {
	n := utf8.RuneCountInString(s)
	switch {
	case shortest > 0 && strings.TrimSpace(s) == "":
		v.require(false, pointer, "must not be blank")
	case n < shortest || n > longest:
		v.require(false, pointer, fmt.Sprintf("must have %d to %d characters", shortest, longest))
	}
}

func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	return Invalid{"invalid_request", v}
}
