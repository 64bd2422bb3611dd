// Package money counts money exactly: in whole minor units of one currency, up to
// an amount that every reader sees as the same number. Outside the standard library
// it imports domain/rule alone.
package money

import (
	"fmt"

	"github.com/millrace/millrace/domain/rule"
)

// Max is the largest amount of money, 2^53-1 minor units. Up to there every JSON
// reader, JavaScript's included, sees the exact number.
const Max = 1<<53 - 1

// Money is an amount in the smallest unit of its currency, such as cents. The zero
// Money is no money at all, which is not the same as nothing of a currency.
type Money struct {
	Amount   int64  `json:"amount"`   // minor units, 0 to Max
	Currency string `json:"currency"` // ISO 4217
}

// Check notes what is wrong with the money that stands at a pointer.
func (m Money) Check(v *rule.Violations, at string) {
	v.Require(m.Amount >= 0 && m.Amount <= Max, at+"/amount", fmt.Sprintf("must be from 0 to %d", int64(Max)))
	v.Require(IsCurrency(m.Currency), at+"/currency", "must be an ISO 4217 currency code")
}

// Decimal returns the money in words for people, such as "7.00 EUR".
func (m Money) Decimal() string {
	digits := decimals(m.Currency)
	text := fmt.Sprintf("%0*d", digits+1, m.Amount)
	if digits > 0 {
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	return text + " " + m.Currency
}

// Times returns n times the money; ok is false when that is not from 0 to Max.
func (m Money) Times(n int64) (product Money, ok bool) {
	if n < 0 || m.Amount < 0 || m.Amount != 0 && n > Max/m.Amount {
		return Money{}, false
	}
	return Money{m.Amount * n, m.Currency}, true
}

// Plus returns the sum of two amounts; ok is false when they are in two currencies,
// one is less than 0, or the sum is over Max.
func (m Money) Plus(other Money) (sum Money, ok bool) {
	if m.Currency != other.Currency || m.Amount < 0 || other.Amount < 0 || m.Amount > Max-other.Amount {
		return Money{}, false
	}
	return Money{m.Amount + other.Amount, m.Currency}, true
}
