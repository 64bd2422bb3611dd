package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	contract "github.com/millrace/millrace/api/client"

	"github.com/millrace/millrace/api"
	"github.com/millrace/millrace/ports/httpkit"
)

func TestProblemsSayOnceAndInWordsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := start(t)
	blank := []contract.InputError{{Pointer: "/reason", Detail: "must not be blank"}}
	notUUID := func(pointer string) []contract.InputError {
		return []contract.InputError{{Pointer: pointer, Detail: "must be a UUID"}}
	}
	for name, test := range map[string]struct {
		listener, method, path string
		body                   any
		want                   []contract.InputError
	}{
		"no id of an order":       {s.public, "GET", "/v1/orders/abc", nil, notUUID("/path/id")},
		"no id of a command":      {s.public, "GET", "/v1/commands/abc", nil, notUUID("/path/command_id")},
		"no id of a payment":      {s.admin, "POST", "/admin/payments/abc/refunds", nil, notUUID("/path/id")},
		"no id in a query":        {s.public, "GET", "/v1/events?order=abc", nil, notUUID("/query/order")},
		"an empty reason":         {s.public, "POST", "/v1/orders/" + newID() + "/cancel", `{"reason":""}`, blank},
		"a blank reason":          {s.public, "POST", "/v1/tickets/" + newID() + "/reject", `{"reason":" "}`, blank},
		"an operator's empty one": {s.admin, "POST", "/admin/payments/" + newID() + "/refunds", `{"reason":""}`, blank},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.client(t)
			c.base = test.listener
			p := c.do(test.method, test.path, test.body).problem()
			if want := test.want[0].Pointer + " " + test.want[0].Detail; p.Errors == nil || !slices.Equal(p.Errors, test.want) || p.Detail != want {
				t.Errorf("it says %q and %v, want %q and %v", p.Detail, p.Errors, want, test.want)
			}
		})
	}
	c := s.client(t)
	p := c.post("/v1/orders", with("/email", "")).wantProblem(http.StatusUnprocessableEntity, "invalid_request")
	if strings.Contains(p.Detail, "regular expression") || len(p.Errors) != 1 {
		t.Errorf("it says %q and %v", p.Detail, p.Errors)
	}
}

// A field that nobody knows takes few bytes, and a body a million of them.
func TestProblemsSayNoMoreThanPeopleRead(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	body.WriteString(`{"reason":"cold"`)
	for i := range 50_000 {
		fmt.Fprintf(&body, `,"x%d":0`, i)
	}
	body.WriteString("}")
	p := start(t).client(t).post("/v1/orders/"+newID()+"/cancel", body.String()).wantProblem(http.StatusUnprocessableEntity, "invalid_request")
	if len(p.Errors) != 100 || !strings.HasPrefix(p.Errors[99].Pointer, "/x") {
		t.Errorf("it says %d things, want 100: %v", len(p.Errors), p.Errors)
	}
}

var pattern = regexp.MustCompile(`(?m)^ +pattern: '(.*)'$`)

// A regular expression is for programs.
func TestEveryPatternOfTheContractHasWords(t *testing.T) {
	t.Parallel()
	found := pattern.FindAllSubmatch(api.Contract, -1)
	for _, p := range found {
		err := openapi3.NewStringSchema().WithPattern(string(p[1])).VisitJSON("")
		if err == nil || strings.Contains(httpkit.Reason(err), "regular expression") {
			t.Errorf("of what does not match %s it is said: %s", p[1], httpkit.Reason(err))
		}
	}
	if len(found) < 10 {
		t.Errorf("%d patterns were found, want all of them", len(found))
	}
}
