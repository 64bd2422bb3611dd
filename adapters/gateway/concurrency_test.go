package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/money"
)

func makeFolder(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestOneKeyAtOnceIsOneCharge(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{SlowAnswer: time.Millisecond}, func(t *testing.T, to *till) {
		for _, method := range []string{gateway.TokenOK, gateway.TokenSlow, gateway.TokenUnknown, gateway.TokenError, gateway.TokenDeclined} {
			var references, errs [16]any
			var failed, declined atomic.Int64
			atOnce(len(references), func(i int) {
				reference, err := to.Charge(t.Context(), charge(method, method, 1000))
				_, no := errors.AsType[process.Declined](err)
				switch {
				case no:
					declined.Add(1)
				case err != nil:
					failed.Add(1)
				}
				references[i], errs[i] = reference, err
			})
			distinct := map[any]bool{}
			for _, reference := range references {
				if reference != "" {
					distinct[reference] = true
				}
			}
			want := struct{ distinct, failed, declined int }{1, 0, 0}
			switch method {
			case gateway.TokenUnknown, gateway.TokenError:
				want.failed = 1
			case gateway.TokenDeclined:
				want.distinct, want.declined = 0, len(errs)
			}
			if len(distinct) != want.distinct || int(failed.Load()) != want.failed || int(declined.Load()) != want.declined {
				t.Errorf("%s: references %v and errors %v, want %+v", method, references, errs, want)
			}
		}
		to.wantTotals(4000, 0)
	})
}

func TestOneKeyAtOnceForManyRequestsIsOneOfThem(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		var charged atomic.Int64
		var amount atomic.Int64
		atOnce(16, func(i int) {
			reference, err := to.Charge(t.Context(), charge("c", gateway.TokenOK, int64(1000+i)))
			if err == nil {
				charged.Add(1)
				amount.Store(int64(1000 + i))
				return
			}
			wantReused(t, reference, err)
		})
		if charged.Load() != 1 {
			t.Errorf("%d requests were charged", charged.Load())
		}
		to.wantTotals(amount.Load(), 0)
	})
}

func TestRefundsAtOnceGiveBackNoMoreThanWasCharged(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		to.charged("c", gateway.TokenOK, 1000)
		var given, refused atomic.Int64
		atOnce(32, func(i int) {
			reference, err := to.Refund(t.Context(), refund(strconv.Itoa(i/2), "c", 100))
			if err == nil {
				given.Add(1)
				return
			}
			refused.Add(1)
			wantDeclined(t, reference, err, "refund_too_large")
		})
		if given.Load() != 20 || refused.Load() != 12 {
			t.Errorf("%d refunds were given and %d refused, each asked twice; want 20 and 12", given.Load(), refused.Load())
		}
		to.wantTotals(1000, 1000)
	})
}

func TestTotalsBalance(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{SlowAnswer: time.Millisecond}, func(t *testing.T, to *till) {
		methods := []string{gateway.TokenOK, gateway.TokenDeclined, gateway.TokenSlow, gateway.TokenError, gateway.TokenUnknown, gateway.TokenRefundRefused}
		atOnce(48, func(i int) {
			key := fmt.Sprint("c", i)
			_, _ = to.Charge(t.Context(), charge(key, methods[i%len(methods)], int64(100+i))) // the ledger tells
			if i%5 != 0 {
				_, _ = to.Refund(t.Context(), refund("r"+key, key, int64(50+i))) // likewise
			}
		})
		var charged, refunded, declined, refused int64
		status := map[string]gateway.Charge{}
		for _, c := range list[gateway.Charge](to, "/charges", "7") {
			status[c.Key] = c
			if c.Status == gateway.StatusCharged {
				charged += c.Amount
			} else {
				declined++
			}
		}
		for _, r := range list[gateway.Refund](to, "/refunds", "5") {
			switch c := status[r.ChargeKey]; {
			case r.Status == gateway.StatusRefused:
				refused++
			case c.Status != gateway.StatusCharged || c.Method == gateway.TokenRefundRefused || r.Amount > c.Amount:
				t.Errorf("%+v was given back for %+v", r, c)
			default:
				refunded += r.Amount
			}
		}
		to.wantTotals(charged, refunded)
		if totals := to.totals(); totals.Declined != declined || totals.Refused != refused || declined == 0 || refused == 0 {
			t.Errorf("%+v, and listed are %d declined and %d refused", totals, declined, refused)
		}
	})
}

func TestTotalsAreRightBeyondWhatSQLiteAddsUp(t *testing.T) {
	t.Parallel()
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
	const n = 1040
	atOnce(n, func(i int) {
		c := gateway.Charge{
			Key: strconv.Itoa(i), Reference: strconv.Itoa(i), Method: gateway.TokenOK,
			Money: euros(money.Max), Status: gateway.StatusCharged, At: time.Unix(0, 0),
		}
		if _, _, err := l.Charge(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
	all, err := l.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := all["EUR"].Charged.String(); got != "9367487224930630640" {
		t.Errorf("%d times %d is %s", n, money.Max, got)
	}
}

// Several ledgers on one file are several processes to SQLite.
func TestProcessesShareALedger(t *testing.T) {
	t.Parallel()
	tills := openAtOnce(t, filepath.Join(t.TempDir(), "ledger.db"))
	references := make([]string, 64)
	atOnce(len(references), func(i int) {
		reference, err := tills[i%len(tills)].Charge(t.Context(), charge(strconv.Itoa(i/8), gateway.TokenOK, 100))
		if err != nil {
			t.Error(err)
		}
		references[i] = reference
	})
	for i, reference := range references {
		if reference != references[i/8*8] {
			t.Errorf("key %d was charged as %q and as %q", i/8, reference, references[i/8*8])
		}
	}
	var given atomic.Int64
	atOnce(len(tills), func(i int) {
		for n := range 20 {
			reference, err := tills[i].Refund(t.Context(), refund(fmt.Sprint(i, "-", n), strconv.Itoa(n/3), 30))
			if err != nil {
				wantDeclined(t, reference, err, "refund_too_large")
				continue
			}
			given.Add(30)
		}
	})
	if given.Load() != 7*90 {
		t.Errorf("%d was given back of seven times 100, want seven times 90", given.Load())
	}
}

func TestProcessesMakeALedgerAtOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for i := range 10 {
		openAtOnce(t, filepath.Join(folder, strconv.Itoa(i)))
	}
}

// openAtOnce opens several gateways on one ledger, which all of them try to make.
func openAtOnce(t *testing.T, path string) []*gateway.Gateway {
	t.Helper()
	tills := make([]*gateway.Gateway, 6)
	atOnce(len(tills), func(i int) {
		g, err := gateway.Open(context.Background(), "simulator:"+path, gateway.Config{})
		if err != nil {
			t.Errorf("open at once: %v", err)
			return
		}
		t.Cleanup(func() {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		})
		tills[i] = g
	})
	if t.Failed() {
		t.FailNow()
	}
	return tills
}
