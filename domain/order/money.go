package order

import "github.com/millrace/millrace/domain/money"

// MaxAmount is the largest amount of money.
const MaxAmount = money.Max

// Money is an amount in the smallest unit of its currency, such as cents.
type Money = money.Money
