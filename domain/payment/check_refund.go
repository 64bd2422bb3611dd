package payment

import (
	"fmt"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/rule"
)

// CheckRefund returns Invalid for an amount that cannot be given back, or a reason
// that says nothing or too much. No amount is one that can: it means all that is left.
func CheckRefund(amount money.Money, reason string) error {
	if err := rule.CheckReason(reason); err != nil {
		return err
	}
	var v rule.Violations
	if amount != (money.Money{}) {
		v.Require(amount.Amount >= 1 && amount.Amount <= money.Max, "/amount/amount", fmt.Sprintf("must be from 1 to %d", int64(money.Max)))
		v.Require(money.IsCurrency(amount.Currency), "/amount/currency", "must be an ISO 4217 currency code")
	}
	return v.Err()
}
