package rule_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/domain/rule"
	"github.com/millrace/millrace/internal/es"
)

// The executor knows by its method what the business says, and records it under the
// code.
func TestBothWaysToSayNoAreRejections(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		no         error
		code, says string
	}{
		{rule.No("cart_frozen", "the cart cannot change"), "cart_frozen", "the cart cannot change"},
		{rule.Wrong("too_old", "/age", "must be under 100"), "too_old", "/age must be under 100"},
	} {
		if no, ok := errors.AsType[es.Rejection](test.no); !ok || no.RejectionCode() != test.code || no.Error() != test.says {
			t.Errorf("%#v says %v, want %s: %s", test.no, no, test.code, test.says)
		}
	}
}

// Rejections are variables of the packages that say them, so errors.Is finds them.
func TestRejectionsAreTheSameWhenTheySayTheSame(t *testing.T) {
	t.Parallel()
	no := rule.No("cart_frozen", "the cart cannot change")
	if !errors.Is(rule.No("cart_frozen", "the cart cannot change"), no) {
		t.Error("a rejection is not itself")
	}
	if errors.Is(rule.No("cart_open", "the cart cannot change"), no) {
		t.Error("a rejection is another one")
	}
}

func TestViolationsAreInvalidInTheOrderTheyWereFound(t *testing.T) {
	t.Parallel()
	var v rule.Violations
	if err := v.Err(); err != nil {
		t.Errorf("nothing is wrong, and still there is %v", err)
	}
	v.Require(true, "/a", "must be there")
	v.Require(false, "/b", "must be there")
	v.Text("/c", "fine", 1, 10)
	v.Text("/d", "", 1, 10)
	want := rule.Invalid{Code: "invalid_request", Violations: []rule.Violation{
		{Pointer: "/b", Detail: "must be there"}, {Pointer: "/d", Detail: "must not be blank"},
	}}
	err := v.Err()
	if !reflect.DeepEqual(err, want) {
		t.Errorf("got %#v, want %#v", err, want)
	}
	if says := "/b must be there; /d must not be blank"; err.Error() != says {
		t.Errorf("it says %q, want %q", err, says)
	}
}

func TestViolationsAreShownAsPointerAndDetail(t *testing.T) {
	t.Parallel()
	const want = `{"pointer":"/items/0","detail":"must be there"}`
	if got, err := json.Marshal(rule.Violation{Pointer: "/items/0", Detail: "must be there"}); err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestTextCountsCharacters(t *testing.T) {
	t.Parallel()
	const blank, length, optional = "must not be blank", "must have 2 to 4 characters", "must have 0 to 4 characters"
	for _, test := range []struct {
		text     string
		shortest int
		want     string // or nothing
	}{
		{"", 2, blank},
		{" \t\n\u00a0\u3000", 2, blank},
		{"é", 2, length},
		{"éé", 2, ""},
		{" é", 2, ""},
		{"🍕🍕🍕🍕", 2, ""},
		{"🍕🍕🍕🍕🍕", 2, length},
		{"", 0, ""},
		{"    ", 0, ""},
		{"     ", 0, optional},
	} {
		var v, want rule.Violations
		v.Text("/text", test.text, test.shortest, 4)
		if test.want != "" {
			want = rule.Violations{{Pointer: "/text", Detail: test.want}}
		}
		if !reflect.DeepEqual(v, want) {
			t.Errorf("%q, from %d characters, has %v, want %v", test.text, test.shortest, v, want)
		}
	}
}

func TestReasonSaysSomethingAndIsNoNovel(t *testing.T) {
	t.Parallel()
	for reason, detail := range map[string]string{
		"x": "", strings.Repeat("é", 500): "",
		"": "must not be blank", " ": "must not be blank",
		strings.Repeat("é", 501): "must have 1 to 500 characters",
	} {
		var want error
		if detail != "" {
			want = rule.Wrong("invalid_request", "/reason", detail)
		}
		if err := rule.CheckReason(reason); !reflect.DeepEqual(err, want) {
			t.Errorf("%.20q is %#v, want %#v", reason, err, want)
		}
	}
}
