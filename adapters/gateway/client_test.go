package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/app/process"
)

// remote opens a client of a handler that stands for a gateway somewhere else.
func remote(t *testing.T, h http.HandlerFunc) *gateway.Gateway {
	t.Helper()
	server := httptest.NewServer(h)
	g, err := gateway.Open(t.Context(), server.URL, gateway.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return g
}

func TestOnlyTheGatewayIsBelieved(t *testing.T) {
	t.Parallel()
	const charged, declined = `{"key":"k","reference":"ch_1","status":"charged"}`, `{"key":"k","status":402,"code":"card_declined"}`
	const yes, no, never = "yes", "no", "never"
	for name, test := range map[string]struct {
		status     int
		mediaType  string
		body, want string // want is "" for an error that leaves the outcome open
	}{
		"charged":                        {201, "application/json", charged, yes},
		"charged before":                 {200, "application/json; charset=utf-8", charged, yes},
		"charged with more to say":       {201, "application/json", `{"network":"x",` + charged[1:], yes},
		"declined":                       {402, "application/problem+json", declined, no},
		"refused":                        {409, "application/problem+json", declined, no},
		"declined before":                {200, "application/json", `{"key":"k","status":"declined","code":"card_declined"}`, no},
		"never asked":                    {404, "application/problem+json", `{"code":"charge_not_found"}`, never},
		"charged with another key":       {201, "application/json", strings.Replace(charged, "k", "l", 1), ""},
		"charged as nothing":             {201, "application/json", `{"key":"k","status":"charged"}`, ""},
		"charged in a status of its own": {201, "application/json", strings.Replace(charged, "charged", "maybe", 1), ""},
		"accepted":                       {202, "application/json", charged, ""},
		"a page of somebody else":        {200, "text/html", charged, ""},
		"no JSON":                        {201, "application/json", charged[:10], ""},
		"declined without a reason":      {402, "application/problem+json", `{"key":"k"}`, ""},
		"declined with another key":      {402, "application/problem+json", `{"key":"l","code":"card_declined"}`, ""},
		"declined by a proxy":            {402, "text/html", "pay for your internet", ""},
		"a conflict in between":          {409, "application/problem+json", `{"code":"request_in_progress"}`, ""},
		"not found by somebody else":     {404, "application/problem+json", `{"code":"not_found"}`, ""},
		"not found in words":             {404, "text/plain", "404 page not found", ""},
		"a reused key":                   {422, "application/problem+json", `{"key":"k","code":"idempotency_key_reused"}`, ""},
		"too much":                       {429, "application/problem+json", `{"key":"k","code":"slow_down"}`, ""},
		"an error":                       {500, "application/problem+json", declined, ""},
		"somewhere else":                 {307, "application/json", charged, ""},
		"a huge answer":                  {201, "application/json", charged + strings.Repeat(" ", 1<<20), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := remote(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // as a gateway does
				w.Header().Set("Content-Type", test.mediaType)
				if strings.HasSuffix(r.URL.Path, "/elsewhere") {
					_, _ = io.WriteString(w, charged) // nobody is to ask for it
					return
				}
				w.Header().Set("Location", r.URL.Path+"/elsewhere")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body) // the client may have enough
			})
			for what, ask := range map[string]func(context.Context) (string, error){
				"POST /charges":  func(ctx context.Context) (string, error) { return g.Charge(ctx, charge("k", "tok_ok", 1)) },
				"GET /charges/k": func(ctx context.Context) (string, error) { return g.FindCharge(ctx, "k") },
			} {
				reference, err := ask(t.Context())
				switch test.want {
				case yes:
					if reference != "ch_1" || err != nil {
						t.Errorf("%s says %q, %v", what, reference, err)
					}
				case no:
					wantDeclined(t, reference, err, "card_declined")
				case never:
					if !errors.Is(err, process.ErrNeverAsked) {
						t.Errorf("%s says %q, %v", what, reference, err)
					}
				default:
					wantOpen(t, reference, err)
					if err != nil && !strings.Contains(err.Error(), what) {
						t.Errorf("%q does not say what was asked: %s", err, what)
					}
				}
			}
		})
	}
}

// A connection that was used before is where net/http sends a request again, if it
// takes it for one that may be repeated.
func TestRequestIsSentOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	g := remote(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body) // as a gateway does
			asked.Add(1)
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"key":"k","reference":"ch_1","status":"charged"}`) // the client listens
	})
	for i := range int64(3) {
		if _, err := g.FindCharge(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		_, err := g.Charge(t.Context(), charge("k", "tok_ok", 1))
		wantOpen(t, "", err)
		_, err = g.Refund(t.Context(), refund("k", "k", 1))
		wantOpen(t, "", err)
		if got := asked.Load(); got != 2*(i+1) {
			t.Fatalf("%d calls became %d requests", 2*(i+1), got)
		}
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"code":"charge_not_found"}`+strings.Repeat(" ", 100<<10)) // the client listens
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	g, err := gateway.Open(t.Context(), server.URL, gateway.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := g.FindCharge(t.Context(), "k"); !errors.Is(err, process.ErrNeverAsked) {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("20 requests took %d connections", n)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestGatewayThatIsAway(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://somebody:secret@" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	g, err := gateway.Open(t.Context(), address, gateway.Config{})
	if err != nil {
		t.Fatalf("a gateway that is away is an error: %v", err)
	}
	defer g.Close()
	reference, err := g.Charge(t.Context(), charge("k", "tok_ok", 1))
	wantOpen(t, reference, err)
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("%q tells the password", err)
	}
	_, err = g.FindCharge(t.Context(), "k")
	wantOpen(t, "", err)
}
