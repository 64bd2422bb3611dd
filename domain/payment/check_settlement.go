package payment

import "github.com/millrace/millrace/domain/rule"

// CheckSettlement returns Invalid for a reference that says nothing of where the money
// went, or too much.
func CheckSettlement(reference string) error {
	var v rule.Violations
	v.Text("/reference", reference, 1, 200)
	return v.Err()
}
