package money_test

import (
	"testing"

	"github.com/millrace/millrace/domain/money"
)

func TestCurrenciesAreThoseThatCanBeSpent(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"EUR": true, "USD": true, "JPY": true, "KWD": true, "AED": true, "ZWG": true,
		"": false, "eur": false, "EU": false, "EURO": false, " EUR": false, "EUR USD": false, "EUR\x00": false, "€": false,
		"XAU": false, "XXX": false, "XTS": false, "CHE": false, "DEM": false, "HRK": false,
	} {
		if got := money.IsCurrency(code); got != want {
			t.Errorf("%q can be spent: %t, want %t", code, got, want)
		}
	}
}
