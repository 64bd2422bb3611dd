package rule

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Invalid is input that can never be right, whatever state it is meant for. Like a
// Rejection it has a stable code, and is never retried.
type Invalid struct {
	Code       string
	Violations []Violation
}

// Violation is one thing that is wrong with the input.
type Violation struct {
	Pointer string `json:"pointer"` // JSON pointer into the command
	Detail  string `json:"detail"`
}

// Wrong returns Invalid for one thing that is wrong.
func Wrong(code, pointer, detail string) Invalid {
	return Invalid{code, []Violation{{pointer, detail}}}
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

// Violations collects what is wrong with some input.
type Violations []Violation

// Require notes what is wrong at a pointer unless it is ok.
func (v *Violations) Require(ok bool, pointer, detail string) {
	if !ok {
		*v = append(*v, Violation{pointer, detail})
	}
}

// Text requires shortest to longest characters, and one that is not a blank where
// the text may not be empty.
func (v *Violations) Text(pointer, s string, shortest, longest int) {
	n := utf8.RuneCountInString(s)
	switch {
	case shortest > 0 && strings.TrimSpace(s) == "":
		v.Require(false, pointer, "must not be blank")
	case n < shortest || n > longest:
		v.Require(false, pointer, fmt.Sprintf("must have %d to %d characters", shortest, longest))
	}
}

// Err returns Invalid if something is wrong.
func (v Violations) Err() error {
	if len(v) == 0 {
		return nil
	}
	return Invalid{"invalid_request", v}
}

// CheckReason returns Invalid for a reason that says nothing, or too much.
func CheckReason(reason string) error {
	var v Violations
	v.Text("/reason", reason, 1, 500)
	return v.Err()
}
