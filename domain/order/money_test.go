package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

// Up to here programs that keep numbers as floats see the exact amount.
func TestTotalReachesTheLargestExactAmount(t *testing.T) {
	t.Parallel()
	const most = 9_007_199_254_740_991
	for name, test := range map[string]struct {
		cart  order.Cart
		total int64  // 0 when it is too large
		at    string // the line that goes too far
	}{
		"one line":                    {cart: order.Cart{line(1, most, "EUR")}, total: most},
		"one line twice":              {cart: order.Cart{line(2, most, "EUR")}, at: "/items/0"},
		"two lines":                   {cart: order.Cart{line(1, most-1, "EUR"), line(1, 1, "EUR")}, total: most},
		"two lines, one over":         {cart: order.Cart{line(1, most, "EUR"), line(1, 1, "EUR")}, at: "/items/1"},
		"a free line beside the most": {cart: order.Cart{line(1, most, "EUR"), line(1_000_000, 0, "EUR")}, total: most},
		"many pieces":                 {cart: order.Cart{line(1_000_000, 9_007_199_254, "EUR")}, total: 9_007_199_254_000_000},
		"many pieces, each one more":  {cart: order.Cart{line(1_000_000, 9_007_199_255, "EUR")}, at: "/items/0"},
		"more than 64 bits":           {cart: order.Cart{line(1_000_000, most, "EUR")}, at: "/items/0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			total, err := test.cart.Total()
			if test.at == "" {
				wantTotal(t, total, err, test.total, "EUR")
				return
			}
			wantInvalid(t, err, "total_too_large",
				order.Violation{Pointer: test.at, Detail: "takes the total over 9007199254740991"})
		})
	}
}

func TestUnitPriceIsFromZeroToTheLargestExactAmount(t *testing.T) {
	t.Parallel()
	for amount, ok := range map[int64]bool{
		-1: false, 0: true, order.MaxAmount: true, order.MaxAmount + 1: false,
		-9_223_372_036_854_775_808: false, 9_223_372_036_854_775_807: false,
	} {
		total, err := order.Cart{line(1, amount, "EUR")}.Total()
		if ok {
			wantTotal(t, total, err, amount, "EUR")
			continue
		}
		wantInvalid(t, err, "invalid_request",
			order.Violation{Pointer: "/items/0/unit_price/amount", Detail: "must be from 0 to 9007199254740991"})
	}
}
