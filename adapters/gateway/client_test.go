package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// away is the address of a server that is gone.
func away(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

func TestGatewayThatIsAway(t *testing.T) {
	t.Parallel()
	g, err := gateway.Open(t.Context(), "http://"+away(t), gateway.Config{})
	if err != nil {
		t.Fatalf("a gateway that is away is an error: %v", err)
	}
	defer g.Close()
	reference, err := g.Charge(t.Context(), charge("k", "tok_ok", 1))
	wantOpen(t, reference, err)
	_, err = g.FindCharge(t.Context(), "k")
	wantOpen(t, "", err)
}

// What goes wrong is kept and shown to operators, and a key to a gateway may be the
// name as well as the password.
func TestNoErrorTellsWhoAsks(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"is away": nil,
		"sends somewhere else": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"sends nowhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://%zz")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"hangs up":          func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"takes them for no": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		for _, user := range []string{"sk_live_X", "sk_live_X:", "sk_live_X:sec%2Fret", ":sec%2Fret"} {
			t.Run("when the gateway "+name+" for "+user, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int64
				host := away(t)
				if answer != nil {
					host = guarded(t, user, &asked, answer)
				}
				g, err := gateway.Open(t.Context(), "http://"+user+"@"+host+"/v1/", gateway.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer g.Close()
				for what, ask := range map[string]func() (string, error){
					"POST /charges":  func() (string, error) { return g.Charge(t.Context(), charge("k", "tok_ok", 1)) },
					"POST /refunds":  func() (string, error) { return g.Refund(t.Context(), refund("k", "k", 1)) },
					"GET /charges/k": func() (string, error) { return g.FindCharge(t.Context(), "k") },
					"GET /refunds/k": func() (string, error) { return g.FindRefund(t.Context(), "k") },
				} {
					reference, err := ask()
					wantOpen(t, reference, err)
					for _, secret := range []string{"sk_live", "sec/ret", "sec%2Fret", "Basic"} {
						if err != nil && strings.Contains(err.Error(), secret) {
							t.Errorf("%s: %q tells %s", what, err, secret)
						}
					}
				}
				if n := asked.Load(); answer != nil && n < 4 {
					t.Errorf("4 calls became %d requests", n)
				}
			})
		}
	}
}

// guarded serves whoever says that they are a user, as it is written in an address,
// and counts them. It returns where.
func guarded(t *testing.T, user string, asked *atomic.Int64, answer http.HandlerFunc) (host string) {
	t.Helper()
	u, err := url.Parse("http://" + user + "@h")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, said := r.BasicAuth()
		if want, _ := u.User.Password(); !said || name != u.User.Username() || password != want {
			t.Errorf("%s %s comes from %q with the password %q, %t", r.Method, r.URL.Path, name, password, said)
		}
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			t.Errorf("asked for %s %s", r.Method, r.URL.Path)
		}
		_, _ = io.Copy(io.Discard, r.Body) // as a gateway does
		asked.Add(1)
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestNobodyAsksUnlessTheAddressSaysWho(t *testing.T) {
	t.Parallel()
	g := remote(t, func(w http.ResponseWriter, r *http.Request) {
		if as := r.Header.Get("Authorization"); as != "" {
			t.Errorf("asks as %q", as)
		}
		w.WriteHeader(http.StatusTeapot)
	})
	_, err := g.FindCharge(t.Context(), "k")
	wantOpen(t, "", err)
}
