package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
)

func TestPricesAreInACurrencyThatCanBeSpent(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"EUR", "USD", "JPY", "KWD", "ZWG"} {
		total, err := order.Cart{line(1, 5, code)}.Total()
		wantTotal(t, total, err, 5, code)
	}
	for _, code := range []string{"", "eur", "EU", "EURO", " EUR", "EUR\x00", "XAU", "XXX", "XTS", "DEM", "€"} {
		_, err := order.Cart{line(1, 5, code)}.Total()
		wantInvalid(t, err, "invalid_request",
			order.Violation{Pointer: "/items/0/unit_price/currency", Detail: "must be an ISO 4217 currency code"})
	}
}

func TestCartIsInOneCurrency(t *testing.T) {
	t.Parallel()
	_, err := order.Cart{line(1, 5, "EUR"), line(1, 5, "EUR"), line(1, 5, "USD")}.Total()
	wantInvalid(t, err, "mixed_currencies",
		order.Violation{Pointer: "/items/2/unit_price/currency", Detail: "is USD, but the first line is in EUR"})
}
