package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// till is a gateway under test, with a ledger of its own.
type till struct {
	testing.TB
	*gateway.Gateway

	// get asks for something of the ledger to be shown.
	get func(path string) (status int, body []byte)

	hurry func() // ends slow answers, as a shutdown does
	close func()
}

// kinds are the ways in which a simulator is reached. Each opens the ledger at a path
// until the test is over, or close is called.
var kinds = map[string]func(testing.TB, string, gateway.Config) *till{
	"built in":  builtIn,
	"listening": listening,
}

func builtIn(t testing.TB, path string, c gateway.Config) *till {
	t.Helper()
	g, err := gateway.Open(context.Background(), "simulator:"+path, c)
	if err != nil {
		t.Fatal(err)
	}
	to := &till{TB: t, Gateway: g}
	to.get = func(path string) (int, []byte) {
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.Bytes()
	}
	to.hurry = func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
	to.close = to.hurry
	t.Cleanup(to.close)
	return to
}

func listening(t testing.TB, path string, c gateway.Config) *till {
	t.Helper()
	ledger := openLedger(t, path)
	server := gateway.NewServer(gateway.ServerConfig{Ledger: ledger, SlowAnswer: c.SlowAnswer})
	listener := httptest.NewServer(server)
	g, err := gateway.Open(context.Background(), listener.URL, c)
	if err != nil {
		t.Fatal(err)
	}
	to := &till{TB: t, Gateway: g, hurry: server.Hurry}
	to.get = func(path string) (int, []byte) {
		response, err := listener.Client().Get(listener.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, body
	}
	to.close = func() {
		server.Hurry()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		listener.Close()
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(to.close)
	return to
}

func openLedger(t testing.TB, path string) *gateway.Ledger {
	t.Helper()
	l, err := gateway.OpenLedger(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // what was closed may be closed again
	return l
}

// onAll runs a test on every kind of gateway, with an empty ledger.
func onAll(t *testing.T, c gateway.Config, test func(*testing.T, *till)) {
	t.Helper()
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, filepath.Join(t.TempDir(), "ledger.db"), c))
		})
	}
}

func euros(cents int64) money.Money { return money.Money{Amount: cents, Currency: "EUR"} }

func charge(key, method string, amount int64) process.Charge {
	return process.Charge{Key: key, Order: "order-1", Method: method, Amount: euros(amount)}
}

func refund(key, charge string, amount int64) process.Refund {
	return process.Refund{Key: key, Charge: charge, Amount: euros(amount), Reason: "the restaurant is closed"}
}

// charged charges what has to succeed, and returns the reference.
func (to *till) charged(key, method string, amount int64) (reference string) {
	to.Helper()
	reference, err := to.Charge(to.Context(), charge(key, method, amount))
	if err != nil || reference == "" {
		to.Fatalf("charge %s by %s: %q, %v", key, method, reference, err)
	}
	return reference
}

// refunded gives back what has to succeed, and returns the reference.
func (to *till) refunded(key, charge string, amount int64) (reference string) {
	to.Helper()
	reference, err := to.Refund(to.Context(), refund(key, charge, amount))
	if err != nil || reference == "" {
		to.Fatalf("refund %s of %s: %q, %v", key, charge, reference, err)
	}
	return reference
}

// wantDeclined fails the test unless the gateway has said no, for good.
func wantDeclined(t testing.TB, reference string, err error, reason string) {
	t.Helper()
	no, ok := errors.AsType[process.Declined](err)
	if !ok || no.Reason != reason || reference != "" {
		t.Errorf("got %q, %v; want declined: %s", reference, err, reason)
	}
}

// wantOpen fails the test unless an error leaves open what happened.
func wantOpen(t testing.TB, reference string, err error) {
	t.Helper()
	_, declined := errors.AsType[process.Declined](err)
	if err == nil || declined || errors.Is(err, process.ErrNeverAsked) || reference != "" {
		t.Errorf("got %q, %v; want an error that leaves open what happened", reference, err)
	}
}

// wantFound fails the test unless the gateway tells the same about a key as before.
func (to *till) wantFound(key, reference string) {
	to.Helper()
	if got, err := to.FindCharge(to.Context(), key); err != nil || got != reference {
		to.Errorf("charge %s is found as %q, %v; want %q", key, got, err, reference)
	}
}

// totals reads what went through the till in euros.
func (to *till) totals() gateway.Totals {
	to.Helper()
	status, body := to.get("/totals")
	var all map[string]gateway.Totals
	if err := json.Unmarshal(body, &all); err != nil || status != http.StatusOK {
		to.Fatalf("totals are %d %s: %v", status, body, err)
	}
	return all["EUR"]
}

// wantTotals fails the test unless so much was taken, given back and kept.
func (to *till) wantTotals(charged, refunded int64) {
	to.Helper()
	t := to.totals()
	if t.Charged == nil || t.Charged.Int64() != charged || t.Refunded.Int64() != refunded || t.Kept.Int64() != charged-refunded {
		to.Errorf("charged %v, refunded %v, kept %v; want %d, %d, %d", t.Charged, t.Refunded, t.Kept, charged, refunded, charged-refunded)
	}
}

// list reads all pages of a list.
func list[T any](to *till, path, limit string) (all []T) {
	to.Helper()
	for cursor := "0"; ; {
		status, body := to.get(path + "?limit=" + limit + "&cursor=" + cursor)
		var page gateway.List[T]
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK {
			to.Fatalf("%s after %s is %d %s: %v", path, cursor, status, body, err)
		}
		all = append(all, page.Data...)
		if page.NextCursor == nil {
			return all
		}
		cursor = *page.NextCursor
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	const patience = 20 * time.Second
	enough := time.After(patience)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-enough:
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}
