package gateway_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/money"
)

func TestMethodsAreChargedOrDeclined(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{SlowAnswer: time.Millisecond}, func(t *testing.T, to *till) {
		for method, declined := range map[string]string{
			gateway.TokenOK: "", gateway.TokenSlow: "", gateway.TokenRefundRefused: "",
			gateway.TokenDeclined: "card_declined", "tok_other": "unknown_payment_method",
		} {
			asked := charge("key/ %?#"+method, method, 1000)
			first, err := to.Charge(t.Context(), asked)
			again, errAgain := to.Charge(t.Context(), asked)
			found, errFound := to.FindCharge(t.Context(), asked.Key)
			if declined != "" {
				wantDeclined(t, first, err, declined)
				wantDeclined(t, again, errAgain, declined)
				wantDeclined(t, found, errFound, declined)
				continue
			}
			if err := errors.Join(err, errAgain, errFound); err != nil || !strings.HasPrefix(first, "ch_") || again != first || found != first {
				t.Errorf("%s is charged as %q, again as %q and found as %q: %v", method, first, again, found, err)
			}
		}
		to.wantTotals(3000, 0)
	})
}

func TestWhatWasNeverAskedIsUnknown(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		for _, key := range []string{"nothing", ".", "..", "a/b", "%2F", "?", "with space"} {
			if _, err := to.FindCharge(t.Context(), key); !errors.Is(err, process.ErrNeverAsked) {
				t.Errorf("a charge %q that nobody asked for is %v", key, err)
			}
			if _, err := to.FindRefund(t.Context(), key); !errors.Is(err, process.ErrNeverAsked) {
				t.Errorf("a refund %q that nobody asked for is %v", key, err)
			}
			reference := to.charged(key, gateway.TokenOK, 100)
			to.wantFound(key, reference)
		}
	})
}

func TestErrorHappensOnceForEachKey(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		for _, key := range []string{"one", "two"} {
			reference, err := to.Charge(t.Context(), charge(key, gateway.TokenError, 1000))
			wantOpen(t, reference, err)
			if _, err := to.FindCharge(t.Context(), key); !errors.Is(err, process.ErrNeverAsked) {
				t.Errorf("after the error the charge is %v, want never asked", err)
			}
			to.wantFound(key, to.charged(key, gateway.TokenError, 1000))
			to.charged(key, gateway.TokenError, 1000)
		}
		to.wantTotals(2000, 0)
	})
}

// The first charge leaves a connection open, on which net/http would send the
// second one twice if it were allowed to.
func TestCutConnectionLeavesTheOutcomeOpen(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		to.charged("before", gateway.TokenOK, 1)
		reference, err := to.Charge(t.Context(), charge("cut", gateway.TokenUnknown, 1000))
		wantOpen(t, reference, err)
		found, err := to.FindCharge(t.Context(), "cut")
		if err != nil || found == "" {
			t.Fatalf("what was charged is found as %q, %v", found, err)
		}
		if again := to.charged("cut", gateway.TokenUnknown, 1000); again != found {
			t.Errorf("asked again it is %q, want %q", again, found)
		}
		to.wantTotals(1001, 0)
	})
}

func TestSlowAnswerIsChargedBeforeItIsGiven(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{SlowAnswer: time.Hour}, func(t *testing.T, to *till) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		answered := make(chan error, 1)
		go func() {
			_, err := to.Charge(ctx, charge("slow", gateway.TokenSlow, 1000))
			answered <- err
		}()
		var found string
		eventually(t, "the charge is in the ledger", func() (charged bool) {
			reference, err := to.FindCharge(t.Context(), "slow")
			found = reference
			return err == nil
		})
		select {
		case err := <-answered:
			t.Fatalf("the answer came at once: %v", err)
		default:
		}
		leave()
		if err := <-answered; !errors.Is(err, context.Canceled) {
			t.Errorf("who has left gets %v", err)
		}
		if again := to.charged("slow", gateway.TokenSlow, 1000); again != found {
			t.Errorf("asked again it is %q, want %q", again, found)
		}
	})
}

func TestSlowAnswerIsNotWaitedForBeyondTheTimeout(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{SlowAnswer: time.Hour, Timeout: 300 * time.Millisecond}, func(t *testing.T, to *till) {
		reference, err := to.Charge(t.Context(), charge("slow", gateway.TokenSlow, 1000))
		wantOpen(t, reference, err)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the deadline is over", err)
		}
		if !strings.Contains(err.Error(), "POST /charges for slow") {
			t.Errorf("%q does not say what was asked", err)
		}
	})
}

func TestShutdownGivesSlowAnswersAtOnce(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{SlowAnswer: time.Hour}, func(t *testing.T, to *till) {
		answered := make(chan error, 1)
		go func() {
			_, err := to.Charge(t.Context(), charge("slow", gateway.TokenSlow, 1000))
			answered <- err
		}()
		eventually(t, "the charge is in the ledger", func() bool {
			_, err := to.FindCharge(t.Context(), "slow")
			return err == nil
		})
		to.hurry()
		if err := <-answered; err != nil {
			t.Errorf("the answer is %v", err)
		}
	})
}

func TestRefundsGiveBackWhatWasCharged(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		to.charged("c", gateway.TokenOK, 1000)
		reference := to.refunded("r1", "c", 400)
		if again := to.refunded("r1", "c", 400); again != reference || !strings.HasPrefix(reference, "re_") {
			t.Errorf("asked again it is %q, want %q", again, reference)
		}
		if found, err := to.FindRefund(t.Context(), "r1"); err != nil || found != reference {
			t.Errorf("it is found as %q, %v; want %q", found, err, reference)
		}
		to.refunded("r2", "c", 600)
		to.refunded("nothing", "c", 0)
		to.wantTotals(1000, 1000)
	})
}

func TestRefundsAreRefused(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		to.charged("c", gateway.TokenOK, 1000)
		to.charged("stuck", gateway.TokenRefundRefused, 1000)
		_, err := to.Charge(t.Context(), charge("declined", gateway.TokenDeclined, 1000))
		wantDeclined(t, "", err, "card_declined")
		dollars := refund("dollars", "c", 1000)
		dollars.Amount = money.Money{Amount: 1, Currency: "USD"}
		for _, test := range []struct {
			asked process.Refund
			code  string
		}{
			{refund("too much", "c", 1001), "refund_too_large"},
			{refund("of nothing", "nothing", 1), "charge_unknown"},
			{refund("of what was declined", "declined", 0), "charge_unknown"},
			{refund("of what is stuck", "stuck", 1000), "refund_refused"},
			{dollars, "wrong_currency"},
		} {
			for range 2 {
				reference, err := to.Refund(t.Context(), test.asked)
				wantDeclined(t, reference, err, test.code)
			}
			reference, err := to.FindRefund(t.Context(), test.asked.Key)
			wantDeclined(t, reference, err, test.code)
		}
		to.charged("nothing", gateway.TokenOK, 1)
		reference, err := to.Refund(t.Context(), refund("of nothing", "nothing", 1))
		wantDeclined(t, reference, err, "charge_unknown")
		to.wantTotals(2001, 0)
		if totals := to.totals(); totals.Charges != 3 || totals.Declined != 1 || totals.Refunds != 0 || totals.Refused != 4 {
			t.Errorf("counted %+v", totals)
		}
	})
}

func TestKeyIsForOneRequest(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		first := to.charged("c", gateway.TokenOK, 1000)
		other := charge("c", gateway.TokenOK, 1000)
		other.Order = "order-2"
		for _, asked := range []process.Charge{
			charge("c", gateway.TokenOK, 1001), charge("c", gateway.TokenSlow, 1000), charge("c", gateway.TokenDeclined, 1000),
			charge("c", gateway.TokenError, 1000), other,
		} {
			reference, err := to.Charge(t.Context(), asked)
			wantReused(t, reference, err)
		}
		to.wantFound("c", first)

		to.refunded("r", "c", 10)
		otherReason := refund("r", "c", 10)
		otherReason.Reason = "no reason"
		for _, asked := range []process.Refund{refund("r", "c", 11), refund("r", "d", 10), otherReason} {
			reference, err := to.Refund(t.Context(), asked)
			wantReused(t, reference, err)
		}
		to.wantTotals(1000, 10)
	})
}

func wantReused(t *testing.T, reference string, err error) {
	t.Helper()
	wantOpen(t, reference, err)
	if err != nil && (!strings.Contains(err.Error(), "422") || !strings.Contains(err.Error(), "idempotency_key_reused")) {
		t.Errorf("got %v, want idempotency_key_reused", err)
	}
}

func TestLedgerOutlivesTheGateway(t *testing.T) {
	t.Parallel()
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "a folder", "ledger?x=1&y#z.db")
			makeFolder(t, filepath.Dir(path))
			before := open(t, path, gateway.Config{})
			charged := before.charged("c", gateway.TokenOK, 1000)
			refunded := before.refunded("r", "c", 100)
			_, err := before.Charge(t.Context(), charge("error", gateway.TokenError, 1))
			wantOpen(t, "", err)
			_, err = before.Charge(t.Context(), charge("cut", gateway.TokenUnknown, 1))
			wantOpen(t, "", err)
			before.close()

			after := open(t, path, gateway.Config{})
			after.wantFound("c", charged)
			if again := after.charged("c", gateway.TokenOK, 1000); again != charged {
				t.Errorf("asked again it is %q, want %q", again, charged)
			}
			if again := after.refunded("r", "c", 100); again != refunded {
				t.Errorf("the refund is %q, want %q", again, refunded)
			}
			after.charged("error", gateway.TokenError, 1)
			after.charged("cut", gateway.TokenUnknown, 1)
			after.wantTotals(1002, 100)
		})
	}
}

// atOnce runs n calls at once and waits for them.
func atOnce(n int, call func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			call(i)
		})
	}
	close(start)
	all.Wait()
}
