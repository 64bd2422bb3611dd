package order_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func TestDraftNeedsACustomer(t *testing.T) {
	t.Parallel()
	checkText(t, "customer_id", "/customer_id", 1, 255, func(s string) error {
		d := draft
		d.CustomerID = s
		return d.Check()
	})
}

func TestDraftNeedsAnEmailAddressThatCouldBeOne(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		email string
		ok    bool
	}{
		"the shortest":                         {"a@b", true},
		"letters of any script":                {"ünal@例え.jp", true},
		"254 characters":                       {strings.Repeat("a", 248) + "@bc.de", true},
		"254 characters of more than one byte": {strings.Repeat("é", 248) + "@bc.de", true},
		"255 characters":                       {strings.Repeat("a", 249) + "@bc.de", false},
		"nothing":                              {"", false},
		"no @":                                 {"ann.example.com", false},
		"no name":                              {"@example.com", false},
		"no host":                              {"ann@", false},
		"two @":                                {"ann@example@com", false},
		"a blank in the name":                  {"ann b@example.com", false},
		"a line break in the host":             {"ann@example\n.com", false},
		"a wide blank":                         {"ann\u3000b@example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := draft
			d.Email = test.email
			var want []order.Violation
			if !test.ok {
				want = []order.Violation{{Pointer: "/email", Detail: "must be an e-mail address of at most 254 characters"}}
			}
			wantInvalid(t, d.Check(), "invalid_request", want...)
		})
	}
}
