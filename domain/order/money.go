package order

// MaxAmount is the largest amount of money, 2^53-1 minor units. Up to there
// every JSON reader, JavaScript's included, sees the exact number.
const MaxAmount = 1<<53 - 1

// Money is an amount in the smallest unit of its currency, such as cents.
type Money struct {
	Amount   int64  `json:"amount"`   // minor units, 0 to MaxAmount
	Currency string `json:"currency"` // ISO 4217
}

// times returns n times the money; ok is false when that is over MaxAmount.
func (m Money) times(n int64) (product Money, ok bool) {
	if m.Amount != 0 && n > MaxAmount/m.Amount {
		return Money{}, false
	}
	return Money{m.Amount * n, m.Currency}, true
}

// plus returns the sum of two amounts in one currency; ok is false when that is
// over MaxAmount.
func (m Money) plus(other Money) (sum Money, ok bool) {
	if m.Amount > MaxAmount-other.Amount {
		return Money{}, false
	}
	return Money{m.Amount + other.Amount, m.Currency}, true
}
