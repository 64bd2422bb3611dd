// Package rule holds the ways in which the rules of the domain say no: Rejection for
// what is not allowed now, Invalid for what can never be right. It imports nothing
// but the standard library.
package rule

// Rejection is the business saying no. It is an answer, not a failure: it is
// recorded, shown to whoever asked, and never retried.
type Rejection struct {
	Code   string // stable, for programs
	Reason string // for people
}

// No returns a rejection.
func No(code, reason string) Rejection { return Rejection{code, reason} }

func (r Rejection) Error() string { return r.Reason }

// RejectionCode returns the stable code.
func (r Rejection) RejectionCode() string { return r.Code }
