package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func TestAddressChecksItsTexts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field             string
		shortest, longest int
		set               func(*order.Address, string)
	}{
		{"name", 1, 200, func(a *order.Address, s string) { a.Name = s }},
		{"line1", 1, 200, func(a *order.Address, s string) { a.Line1 = s }},
		{"line2", 0, 200, func(a *order.Address, s string) { a.Line2 = s }},
		{"postal_code", 1, 32, func(a *order.Address, s string) { a.PostalCode = s }},
		{"city", 1, 200, func(a *order.Address, s string) { a.City = s }},
	} {
		checkText(t, test.field, "/"+test.field, test.shortest, test.longest, func(s string) error {
			a := home
			test.set(&a, s)
			return a.Check()
		})
		checkText(t, test.field+" of a draft", "/delivery_address/"+test.field, test.shortest, test.longest, func(s string) error {
			d := draft
			test.set(&d.DeliveryAddress, s)
			return d.Check()
		})
	}
}

func TestAddressNamesItsCountryByTwoCapitals(t *testing.T) {
	t.Parallel()
	for code, ok := range map[string]bool{
		"NL": true, "AZ": true, "": false, "N": false, "nl": false, "Nl": false, "NLD": false,
		"N1": false, "[A": false, "@Z": false, "É": false, "N ": false,
	} {
		a := home
		a.Country = code
		var want []order.Violation
		if !ok {
			want = []order.Violation{{Pointer: "/country", Detail: "must be two capital letters, as in ISO 3166-1"}}
		}
		wantInvalid(t, a.Check(), "invalid_request", want...)
	}
}
