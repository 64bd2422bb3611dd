package money_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/rule"
)

// euros is an amount in cents.
func euros(cents int64) money.Money { return money.Money{Amount: cents, Currency: "EUR"} }

func TestMoneyIsWrittenAsWholeMinorUnits(t *testing.T) {
	t.Parallel()
	const want = `{"amount":9007199254740991,"currency":"EUR"}`
	written, err := json.Marshal(euros(money.Max))
	if err != nil || string(written) != want {
		t.Errorf("got %s, %v, want %s", written, err, want)
	}
	var read money.Money
	if err := json.Unmarshal([]byte(want), &read); err != nil || read != euros(money.Max) {
		t.Errorf("read %+v, %v, want %+v", read, err, euros(money.Max))
	}
	if err := json.Unmarshal([]byte(`{"amount":9.5,"currency":"EUR"}`), &read); err == nil {
		t.Errorf("read %+v from a fraction, want an error", read)
	}
}

// Beyond Max the next whole number is lost to programs that keep numbers as floats.
func TestMaxIsTheLastAmountThatFloatsCountExactly(t *testing.T) {
	t.Parallel()
	if most := float64(int64(money.Max)); most == most+1 || most+1 != most+2 {
		t.Errorf("%v is not where floats lose count", most)
	}
}

func TestMoneyNamesWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	const (
		range0    = "must be from 0 to 9007199254740991"
		currency0 = "must be an ISO 4217 currency code"
	)
	for name, test := range map[string]struct {
		money money.Money
		want  []rule.Violation
	}{
		"nothing of a currency": {euros(0), nil},
		"the most":              {euros(money.Max), nil},
		"one over the most":     {euros(money.Max + 1), []rule.Violation{{Pointer: "/price/amount", Detail: range0}}},
		"less than nothing":     {euros(-1), []rule.Violation{{Pointer: "/price/amount", Detail: range0}}},
		"no currency":           {money.Money{Amount: 1}, []rule.Violation{{Pointer: "/price/currency", Detail: currency0}}},
		"both": {money.Money{Amount: -1, Currency: "eur"},
			[]rule.Violation{{Pointer: "/price/amount", Detail: range0}, {Pointer: "/price/currency", Detail: currency0}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v rule.Violations
			test.money.Check(&v, "/price")
			if !reflect.DeepEqual([]rule.Violation(v), test.want) {
				t.Errorf("got %v, want %v", v, test.want)
			}
			if _, ok := errors.AsType[rule.Invalid](v.Err()); ok == (len(test.want) == 0) {
				t.Errorf("got the error %v for %v", v.Err(), test.want)
			}
		})
	}
}

// limits are where counting goes wrong first.
var limits = []int64{math.MinInt64, -money.Max - 1, -1, 0, 1, 2, money.Max - 1, money.Max, money.Max + 1, math.MaxInt64}

// anyTwo checks something for every two of the limits, and for any other two numbers.
func anyTwo(t *testing.T, check func(tb rapid.TB, a, b int64)) {
	t.Helper()
	for _, a := range limits {
		for _, b := range limits {
			check(t, a, b)
		}
	}
	numbers := rapid.OneOf(rapid.Int64Range(0, 10_000), rapid.Int64Range(0, money.Max), rapid.Int64(), rapid.SampledFrom(limits))
	rapid.Check(t, func(t *rapid.T) { check(t, numbers.Draw(t, "a"), numbers.Draw(t, "b")) })
}

func TestTimesIsTheExactProductOrNothing(t *testing.T) {
	t.Parallel()
	anyTwo(t, func(tb rapid.TB, amount, n int64) {
		got, ok := euros(amount).Times(n)
		want(tb, got, ok, new(big.Int).Mul(big.NewInt(amount), big.NewInt(n)), amount >= 0 && n >= 0)
	})
}

func TestPlusIsTheExactSumOrNothing(t *testing.T) {
	t.Parallel()
	anyTwo(t, func(tb rapid.TB, a, b int64) {
		got, ok := euros(a).Plus(euros(b))
		want(tb, got, ok, new(big.Int).Add(big.NewInt(a), big.NewInt(b)), a >= 0 && b >= 0)
	})
}

// want wants the exact amount, or none where it has no meaning or is over Max.
func want(tb rapid.TB, got money.Money, ok bool, exact *big.Int, meant bool) {
	tb.Helper()
	switch fits := meant && exact.Cmp(big.NewInt(money.Max)) <= 0; {
	case !fits && (ok || got != money.Money{}):
		tb.Fatalf("got %v, %t for %v, want nothing", got, ok, exact)
	case fits && (!ok || got != euros(exact.Int64())):
		tb.Fatalf("got %v, %t, want %v", got, ok, exact)
	}
}

func TestTwoCurrenciesDoNotAddUp(t *testing.T) {
	t.Parallel()
	for _, other := range []money.Money{{Amount: 1, Currency: "USD"}, {Amount: 0, Currency: "USD"}, {}} {
		if sum, ok := euros(1).Plus(other); ok || sum != (money.Money{}) {
			t.Errorf("a cent and %+v are %+v, want nothing", other, sum)
		}
	}
}

func TestMoneyInWordsHasTheDecimalsOfItsCurrency(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]money.Money{
		"7.00 EUR":              {Amount: 700, Currency: "EUR"},
		"0.05 EUR":              {Amount: 5, Currency: "EUR"},
		"0.00 USD":              {Amount: 0, Currency: "USD"},
		"1000 JPY":              {Amount: 1000, Currency: "JPY"},
		"0 KRW":                 {Amount: 0, Currency: "KRW"},
		"1.050 KWD":             {Amount: 1050, Currency: "KWD"},
		"90071992547409.91 EUR": {Amount: money.Max, Currency: "EUR"},
		"9007199254740.991 BHD": {Amount: money.Max, Currency: "BHD"},
		"9007199254740991 XOF":  {Amount: money.Max, Currency: "XOF"},
	} {
		if got := m.Decimal(); got != want {
			t.Errorf("%d minor units of %s are %q, want %q", m.Amount, m.Currency, got, want)
		}
	}
}
