// Package money counts money exactly: in whole minor units of one currency, up to
// an amount that every reader sees as the same number.
package money

// Max is the largest amount of money, 2^53-1 minor units. Up to there every JSON
// reader, JavaScript's included, sees the exact number.
const Max = 1<<53 - 1

// Money is an amount in the smallest unit of its currency, such as cents.
type Money struct {
	Amount   int64  `json:"amount"`   // minor units, 0 to Max
	Currency string `json:"currency"` // ISO 4217
}

// Times returns n times the money; ok is false when that is over Max.
func (m Money) Times(n int64) (product Money, ok bool) {
	if m.Amount != 0 && n > Max/m.Amount {
		return Money{}, false
	}
	return Money{m.Amount * n, m.Currency}, true
}

// Plus returns the sum of two amounts in one currency; ok is false when that is
// over Max.
func (m Money) Plus(other Money) (sum Money, ok bool) {
	if m.Amount > Max-other.Amount {
		return Money{}, false
	}
	return Money{m.Amount + other.Amount, m.Currency}, true
}
