package order_test

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/domain/order"
)

// line is a line that can be ordered, for tests to break.
func line(quantity, amount int64, currency string) order.Line {
	return order.Line{
		ProductID: "p-1", Title: "Margherita", Quantity: quantity,
		UnitPrice: order.Money{Amount: amount, Currency: currency},
	}
}

// wantInvalid wants violations, each a pointer and a detail, or nothing to be
// wrong when there are none.
func wantInvalid(t *testing.T, err error, code string, violations ...order.Violation) {
	t.Helper()
	if len(violations) == 0 {
		if err != nil {
			t.Errorf("got %v, want nothing wrong", err)
		}
		return
	}
	want := order.Invalid{Code: code, Violations: violations}
	if got, ok := errors.AsType[order.Invalid](err); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n\t%#v\nwant\n\t%#v", err, want)
	}
}

func TestCartHoldsOneToAThousandLines(t *testing.T) {
	t.Parallel()
	for lines, detail := range map[int]string{
		0: "must hold at least 1 line", 1: "", 1000: "", 1001: "must hold at most 1000 lines",
	} {
		t.Run(fmt.Sprint(lines), func(t *testing.T) {
			t.Parallel()
			var c order.Cart
			for range lines {
				c = append(c, line(1, 3, "EUR"))
			}
			total, err := c.Total()
			if detail != "" {
				wantInvalid(t, err, "invalid_request", order.Violation{Pointer: "/items", Detail: detail})
				return
			}
			wantTotal(t, total, err, int64(3*lines), "EUR")
		})
	}
}

func wantTotal(t *testing.T, got order.Money, err error, amount int64, currency string) {
	t.Helper()
	if want := (order.Money{Amount: amount, Currency: currency}); err != nil || got != want {
		t.Errorf("the total is %v, %v, want %v", got, err, want)
	}
}

func TestLineHoldsOneToAMillionPieces(t *testing.T) {
	t.Parallel()
	for quantity, ok := range map[int64]bool{-1: false, 0: false, 1: true, 1_000_000: true, 1_000_001: false} {
		t.Run(fmt.Sprint(quantity), func(t *testing.T) {
			t.Parallel()
			total, err := order.Cart{line(quantity, 3, "EUR")}.Total()
			if ok {
				wantTotal(t, total, err, 3*quantity, "EUR")
				return
			}
			wantInvalid(t, err, "invalid_request",
				order.Violation{Pointer: "/items/0/quantity", Detail: "must be from 1 to 1000000"})
		})
	}
}

func TestLineChecksItsTexts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field    string
		shortest int
		longest  int
		set      func(*order.Line, string)
	}{
		{"product_id", 1, 128, func(l *order.Line, s string) { l.ProductID = s }},
		{"title", 1, 200, func(l *order.Line, s string) { l.Title = s }},
		{"description", 0, 2000, func(l *order.Line, s string) { l.Description = s }},
	} {
		checkText(t, test.field, "/items/1/"+test.field, test.shortest, test.longest, func(s string) error {
			l := line(1, 3, "EUR")
			test.set(&l, s)
			_, err := order.Cart{line(1, 3, "EUR"), l}.Total()
			return err
		})
	}
}

// checkText tries a text at its limits, which count characters, not bytes.
func checkText(t *testing.T, name, pointer string, shortest, longest int, check func(string) error) {
	t.Helper()
	tooLong := order.Violation{Pointer: pointer, Detail: fmt.Sprintf("must have %d to %d characters", shortest, longest)}
	var blank []order.Violation
	if shortest > 0 {
		blank = []order.Violation{{Pointer: pointer, Detail: "must not be blank"}}
	}
	for _, test := range []struct {
		name string
		text string
		want []order.Violation
	}{
		{"empty", "", blank},
		{"blanks", " \t\u00a0\u3000", blank},
		{"one character", "é", nil},
		{"as long as it may be", strings.Repeat("é", longest), nil},
		{"as long as it may be, in characters of four bytes", strings.Repeat("🍕", longest), nil},
		{"one character too long", strings.Repeat("é", longest+1), []order.Violation{tooLong}},
	} {
		t.Run(name+" "+test.name, func(t *testing.T) {
			t.Parallel()
			wantInvalid(t, check(test.text), "invalid_request", test.want...)
		})
	}
}

func TestCartNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := order.Cart{line(1, 3, "EUR"), {Quantity: 0, UnitPrice: order.Money{Amount: -1, Currency: "eur"}}}.Total()
	wantInvalid(t, err, "invalid_request",
		order.Violation{Pointer: "/items/1/product_id", Detail: "must not be blank"},
		order.Violation{Pointer: "/items/1/title", Detail: "must not be blank"},
		order.Violation{Pointer: "/items/1/quantity", Detail: "must be from 1 to 1000000"},
		order.Violation{Pointer: "/items/1/unit_price/amount", Detail: "must be from 0 to 9007199254740991"},
		order.Violation{Pointer: "/items/1/unit_price/currency", Detail: "must be an ISO 4217 currency code"},
	)
	if want := "/items/1/product_id must not be blank; /items/1/title must not be blank"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error says %q, want it to begin with %q", err, want)
	}
}

func TestTotalIsTheExactSumOrARefusal(t *testing.T) {
	t.Parallel()
	limit := big.NewInt(order.MaxAmount)
	amounts := rapid.OneOf(rapid.Int64Range(0, 10_000), rapid.Int64Range(0, order.MaxAmount),
		rapid.SampledFrom([]int64{0, 1, order.MaxAmount - 1, order.MaxAmount, order.MaxAmount / order.MaxQuantity}))
	quantities := rapid.OneOf(rapid.Int64Range(1, 3), rapid.Int64Range(1, order.MaxQuantity))
	rapid.Check(t, func(t *rapid.T) {
		cart := order.Cart(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.Line {
			return line(quantities.Draw(t, "quantity"), amounts.Draw(t, "amount"), "EUR")
		}), 1, 20).Draw(t, "cart"))
		sum := new(big.Int)
		for _, l := range cart {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(l.Quantity), big.NewInt(l.UnitPrice.Amount)))
		}
		total, err := cart.Total()
		if sum.Cmp(limit) > 0 {
			if no, ok := errors.AsType[order.Invalid](err); !ok || no.Code != "total_too_large" {
				t.Fatalf("total %v, %v of a cart that costs %v, want total_too_large", total, err, sum)
			}
			return
		}
		if err != nil || total.Amount != sum.Int64() || total.Currency != "EUR" {
			t.Fatalf("total %v, %v, want %v EUR", total, err, sum)
		}
	})
}
