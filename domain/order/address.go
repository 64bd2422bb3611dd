package order

import "github.com/millrace/millrace/domain/rule"

// Address is where an order is delivered.
type Address struct {
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	PostalCode string `json:"postal_code"`
	City       string `json:"city"`
	Country    string `json:"country"` // ISO 3166-1, two capital letters
}

// Check returns Invalid when nothing can be delivered to the address.
func (a Address) Check() error {
	var v rule.Violations
	a.check(&v, "")
	return v.Err()
}

// check reports what is wrong with an address that stands at a pointer.
func (a Address) check(v *rule.Violations, at string) {
	v.Text(at+"/name", a.Name, 1, 200)
	v.Text(at+"/line1", a.Line1, 1, 200)
	v.Text(at+"/line2", a.Line2, 0, 200)
	v.Text(at+"/postal_code", a.PostalCode, 1, 32)
	v.Text(at+"/city", a.City, 1, 200)
	v.Require(isCountry(a.Country), at+"/country", "must be two capital letters, as in ISO 3166-1")
}

func isCountry(code string) bool {
	return len(code) == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z'
}
