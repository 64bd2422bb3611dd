package gateway_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/adapters/gateway"
)

const goodCharge = `{"amount":1000,"currency":"EUR","payment_method":"tok_ok","order_id":"o"}`

func newServer(t *testing.T) (*gateway.Server, *gateway.Ledger) {
	t.Helper()
	ledger := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
	return gateway.NewServer(gateway.ServerConfig{Ledger: ledger, Log: slog.New(slog.DiscardHandler)}), ledger
}

// post asks for a charge or a refund with a key.
func post(t *testing.T, h http.Handler, path, key, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// wantProblem fails the test unless an answer is a problem with a status and a code.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Errorf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code != status || p.Status != status || p.Code != code || p.Type == "" || p.Title == "" || p.Detail == "" ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("the answer is %d %s, want the problem %d %s", w.Code, w.Body, status, code)
	}
}

func TestRequestsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	server, ledger := newServer(t)
	with := func(old, new string) string { return strings.Replace(goodCharge, old, new, 1) }
	for name, test := range map[string]struct {
		path, key, body string
		status          int
		code            string
	}{
		"no key":                  {"/charges", "", goodCharge, 400, "invalid_idempotency_key"},
		"a long key":              {"/charges", strings.Repeat("k", 256), goodCharge, 400, "invalid_idempotency_key"},
		"a strange key":           {"/charges", "ké", goodCharge, 400, "invalid_idempotency_key"},
		"no body":                 {"/charges", "k", "", 400, "malformed_json"},
		"half a body":             {"/charges", "k", goodCharge[:20], 400, "malformed_json"},
		"two bodies":              {"/charges", "k", goodCharge + goodCharge, 400, "malformed_json"},
		"a list":                  {"/charges", "k", "[]", 422, "invalid_request"},
		"null":                    {"/charges", "k", "null", 422, "invalid_request"},
		"an unknown field":        {"/charges", "k", with(`{`, `{"tip":1,`), 422, "invalid_request"},
		"a huge body":             {"/charges", "k", with(`"o"`, `"`+strings.Repeat("o", 64<<10)+`"`), 413, "body_too_large"},
		"a huge tail":             {"/charges", "k", goodCharge + strings.Repeat(" ", 64<<10), 413, "body_too_large"},
		"no amount":               {"/charges", "k", with(`"amount":1000,`, ""), 422, "invalid_request"},
		"an amount of null":       {"/charges", "k", with("1000", "null"), 422, "invalid_request"},
		"a fraction":              {"/charges", "k", with("1000", "10.5"), 422, "invalid_request"},
		"an amount in words":      {"/charges", "k", with("1000", `"1000"`), 422, "invalid_request"},
		"less than nothing":       {"/charges", "k", with("1000", "-1"), 422, "invalid_request"},
		"more than there is":      {"/charges", "k", with("1000", "9007199254740992"), 422, "invalid_request"},
		"more than a number":      {"/charges", "k", with("1000", "99999999999999999999"), 422, "invalid_request"},
		"no currency":             {"/charges", "k", with(`"currency":"EUR",`, ""), 422, "invalid_request"},
		"no such currency":        {"/charges", "k", with("EUR", "ABC"), 422, "invalid_request"},
		"no method":               {"/charges", "k", with(`"payment_method":"tok_ok",`, ""), 422, "invalid_request"},
		"an empty method":         {"/charges", "k", with("tok_ok", ""), 422, "invalid_request"},
		"a refund of no charge":   {"/refunds", "k", `{"amount":1,"currency":"EUR"}`, 422, "invalid_request"},
		"a refund of no amount":   {"/refunds", "k", `{"charge_key":"c","currency":"EUR"}`, 422, "invalid_request"},
		"a refund like a charge":  {"/refunds", "k", goodCharge, 422, "invalid_request"},
		"a refund without a key":  {"/refunds", "", `{"charge_key":"c","amount":1,"currency":"EUR"}`, 400, "invalid_idempotency_key"},
		"a post to what is found": {"/charges/k", "k", goodCharge, 405, "method_not_allowed"},
		"a path that is not":      {"/payments", "k", goodCharge, 404, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, post(t, server, test.path, test.key, test.body), test.status, test.code)
		})
	}
	t.Run("two keys", func(t *testing.T) {
		t.Parallel()
		wantProblem(t, post(t, server, "/charges", "k", goodCharge, "Idempotency-Key: l"), 400, "invalid_idempotency_key")
	})
	t.Run("a form", func(t *testing.T) {
		t.Parallel()
		r := httptest.NewRequest(http.MethodPost, "/charges", strings.NewReader("amount=1"))
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		wantProblem(t, w, 415, "unsupported_media_type")
	})
	t.Cleanup(func() {
		if all, err := ledger.Totals(t.Context()); err == nil && len(all) > 0 {
			t.Errorf("something was charged: %v", all)
		}
	})
}

func TestLargestAmountIsCharged(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	for amount, key := range map[string]string{"9007199254740991": "most", "0": "none"} {
		w := post(t, server, "/charges", key, strings.Replace(goodCharge, "1000", amount, 1))
		if w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), `"amount":`+amount+",") {
			t.Errorf("%s is answered with %d %s", amount, w.Code, w.Body)
		}
	}
}

func TestChargeIsAnsweredAsItIsFound(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	made := post(t, server, "/charges", "k", goodCharge)
	again := post(t, server, "/charges", "k", goodCharge)
	found := get(server, "/charges/k")
	if made.Code != 201 || again.Code != 201 || found.Code != 200 || made.Body.String() != again.Body.String() || made.Body.String() != found.Body.String() {
		t.Errorf("made as %d %s, again %d %s, found as %d %s", made.Code, made.Body, again.Code, again.Body, found.Code, found.Body)
	}
	var c map[string]any
	if err := json.Unmarshal(found.Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"key": "k", "order_id": "o", "payment_method": "tok_ok", "amount": 1000.0, "currency": "EUR", "status": "charged",
	} {
		if c[field] != want {
			t.Errorf("%s is %v, want %v", field, c[field], want)
		}
	}
	if _, has := c["code"]; has || c["reference"] == "" || c["at"] == nil {
		t.Errorf("found %v", c)
	}
}

func TestDeclinedIsAProblemAndIsFound(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	declined := strings.Replace(goodCharge, "tok_ok", "tok_declined", 1)
	wantProblem(t, post(t, server, "/charges", "k", declined), 402, "card_declined")
	if w := get(server, "/charges/k"); w.Code != 200 || !strings.Contains(w.Body.String(), `"status":"declined","code":"card_declined"`) {
		t.Errorf("it is found as %d %s", w.Code, w.Body)
	}
	refund := `{"charge_key":"k","amount":1000,"currency":"EUR","reason":"why not"}`
	wantProblem(t, post(t, server, "/refunds", "r", refund), 409, "charge_unknown")
	if w := get(server, "/refunds/r"); w.Code != 200 || !strings.Contains(w.Body.String(), `"reason":"why not","status":"refused","code":"charge_unknown"`) {
		t.Errorf("it is found as %d %s", w.Code, w.Body)
	}
	wantProblem(t, get(server, "/charges/r"), 404, "charge_not_found")
	wantProblem(t, get(server, "/refunds/k"), 404, "refund_not_found")
}

func TestMethodsThatAPathDoesNotKnow(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	for path, allowed := range map[string]string{"/charges": "GET, POST", "/refunds": "GET, POST", "/totals": "GET", "/charges/k": "GET"} {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, path, nil))
		wantProblem(t, w, 405, "method_not_allowed")
		if got := w.Header().Get("Allow"); got != allowed {
			t.Errorf("%s allows %s, want %s", path, got, allowed)
		}
	}
}

func TestAuditOnlyReads(t *testing.T) {
	t.Parallel()
	server, _ := newServer(t)
	audit := http.StripPrefix("/gateway", server.Audit())
	post(t, server, "/charges", "a/b", goodCharge)
	wantProblem(t, post(t, audit, "/gateway/charges", "l", goodCharge), 405, "method_not_allowed")
	for _, path := range []string{"/gateway/charges", "/gateway/charges/a%2Fb", "/gateway/totals", "/gateway/refunds", "/gateway/readyz"} {
		if w := get(audit, path); w.Code != http.StatusOK {
			t.Errorf("%s is %d %s", path, w.Code, w.Body)
		}
	}
	if w := get(audit, "/gateway/charges"); strings.Contains(w.Body.String(), `"l"`) {
		t.Errorf("it was charged: %s", w.Body)
	}
}

func TestServerWithoutItsLedger(t *testing.T) {
	t.Parallel()
	server, ledger := newServer(t)
	if w := get(server, "/readyz"); w.Code != http.StatusOK {
		t.Errorf("with a ledger it is %d %s", w.Code, w.Body)
	}
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, post(t, server, "/charges", "k", goodCharge), 503, "ledger_unavailable")
	for _, path := range []string{"/readyz", "/charges", "/refunds", "/totals", "/charges/k", "/refunds/k"} {
		wantProblem(t, get(server, path), 503, "ledger_unavailable")
	}
}
