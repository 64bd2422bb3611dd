package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// refusals are requests that a server says no to, in order, and why.
var refusals = []struct{ path, key, body, why string }{
	{"/charges", "declined", strings.Replace(goodCharge, "tok_ok", "tok_declined", 1), "the card was declined"},
	{"/charges", "cash", strings.Replace(goodCharge, "tok_ok", "cash", 1), `there is no payment method "cash" here`},
	{"/refunds", "of nothing", refundOf("zz", 1, "EUR"), `there is no charge with the key "zz"`},
	{"/refunds", "of what was declined", refundOf("declined", 1000, "EUR"), `the charge with the key "declined" was declined: nothing was taken`},
	{"/refunds", "of a declined one in dollars", refundOf("declined", 1000, "USD"), `the charge with the key "declined" was declined: nothing was taken`},
	{"/refunds", "in dollars", refundOf("good", 2000, "USD"), "the charge is in EUR, not in USD"},
	{"/refunds", "too large", refundOf("good", 701, "EUR"), "7.00 EUR are left of this charge of 10.00 EUR, and 7.01 EUR were asked for"},
	{"/refunds", "too many yen", refundOf("yen", 1001, "JPY"), "1000 JPY are left of this charge of 1000 JPY, and 1001 JPY were asked for"},
	{"/refunds", "stuck", refundOf("stuck", 1, "EUR"), "what was paid by tok_refund_refused is never given back"},
}

func refundOf(charge string, amount int64, currency string) string {
	return fmt.Sprintf(`{"charge_key":%q,"amount":%d,"currency":%q}`, charge, amount, currency)
}

func TestRefusalsSayWhy(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	asked := func(path, key, body string) (detail string) {
		t.Helper()
		w := post(t, server, path, key, body)
		var p struct{ Key, Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Key != key {
			t.Errorf("%s is answered with %d %s: %v", key, w.Code, w.Body, err)
		}
		return p.Detail
	}
	asked("/charges", "good", goodCharge)
	asked("/charges", "yen", strings.Replace(goodCharge, "EUR", "JPY", 1))
	asked("/charges", "stuck", strings.Replace(goodCharge, "tok_ok", "tok_refund_refused", 1))
	asked("/refunds", "a part", refundOf("good", 300, "EUR"))
	for _, r := range refusals {
		if got := asked(r.path, r.key, r.body); got != r.why {
			t.Errorf("%s is refused with %q, want %q", r.key, got, r.why)
		}
	}

	asked("/refunds", "the rest", refundOf("good", 700, "EUR"))
	for _, r := range refusals {
		if got := asked(r.path, r.key, r.body); got != r.why {
			t.Errorf("asked again after more was given back, %s is refused with %q, want %q", r.key, got, r.why)
		}
	}
	asked("/charges", "zz", goodCharge)
	if got, want := asked("/refunds", "of nothing", refundOf("zz", 1, "EUR")), `there was no charge with the key "zz" yet`; got != want {
		t.Errorf("what came before its charge is refused with %q, want %q", got, want)
	}
}
