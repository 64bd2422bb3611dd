package order

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/domain/rule"
)

// The limits of a cart.
const (
	MaxLines    = 1_000
	MaxQuantity = 1_000_000
)

// Cart is what the customer wants to buy: 1 to MaxLines lines in one currency.
type Cart []Line

// Line is one product in a cart.
type Line struct {
	ProductID   string `json:"product_id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Quantity    int64  `json:"quantity"` // 1 to MaxQuantity
	UnitPrice   Money  `json:"unit_price"`
}

// Total returns what the cart costs. It returns Invalid when the cart is not one
// that can be ordered: empty, too long, in two currencies, or too expensive to
// count.
func (c Cart) Total() (Money, error) {
	if err := c.check(); err != nil {
		return Money{}, err
	}
	total := Money{Currency: c[0].UnitPrice.Currency}
	for i, l := range c {
		if l.UnitPrice.Currency != total.Currency {
			return Money{}, rule.Wrong("mixed_currencies", linePointer(i, "/unit_price/currency"),
				fmt.Sprintf("is %s, but the first line is in %s", l.UnitPrice.Currency, total.Currency))
		}
		price, fits := l.UnitPrice.Times(l.Quantity)
		if fits {
			total, fits = total.Plus(price)
		}
		if !fits {
			return Money{}, rule.Wrong("total_too_large", linePointer(i, ""), fmt.Sprintf("takes the total over %d", int64(MaxAmount)))
		}
	}
	return total, nil
}

func (c Cart) check() error {
	var v rule.Violations
	v.Require(len(c) >= 1, "/items", "must hold at least 1 line")
	v.Require(len(c) <= MaxLines, "/items", fmt.Sprintf("must hold at most %d lines", MaxLines))
	for i, l := range c {
		v.Text(linePointer(i, "/product_id"), l.ProductID, 1, 128)
		v.Text(linePointer(i, "/title"), l.Title, 1, 200)
		v.Text(linePointer(i, "/description"), l.Description, 0, 2000)
		v.Require(l.Quantity >= 1 && l.Quantity <= MaxQuantity, linePointer(i, "/quantity"),
			fmt.Sprintf("must be from 1 to %d", MaxQuantity))
		l.UnitPrice.Check(&v, linePointer(i, "/unit_price"))
	}
	return v.Err()
}

func linePointer(i int, field string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "/items/%d%s", i, field)
	return b.String()
}
