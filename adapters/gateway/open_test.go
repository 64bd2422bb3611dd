package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/adapters/gateway"
)

func TestAddressesThatAreNoGateway(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	junk := filepath.Join(folder, "junk.db")
	if err := os.WriteFile(junk, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"":           "want one of http:, https:, simulator:",
		"simulator":  "want one of",
		"paypal://x": "want one of",
		"simulator:": "want simulator:PATH",
		"simulator:" + filepath.Join(folder, "no", "x.db"):    "no such file",
		"simulator:" + filepath.Join(junk, "x.db"):            "is not a folder",
		"simulator:" + folder:                                 "is a folder",
		"simulator:" + junk:                                   "not a database",
		"http:":                                               "want http://HOST:PORT",
		"http:localhost":                                      "want http://HOST:PORT",
		"http://":                                             "want http://HOST:PORT",
		"http://:8090":                                        "want http://HOST:PORT",
		"http://a:secret@localhost:port":                      "want http://HOST:PORT",
		"https://a:secret@localhost/?key=secret":              "want http://HOST:PORT",
		"https://a:secret@localhost/#secret?a:secret@b":       "want http://HOST:PORT",
		"tcp://a:secret@localhost":                            "want one of",
		"simulator:" + filepath.Join(folder, "x\x00y", "z.d"): "invalid argument",
	} {
		g, err := gateway.Open(t.Context(), address, gateway.Config{})
		if err == nil {
			t.Errorf("%q is opened: %v", address, g.Close())
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is refused with %q, want %q and no secret", address, err, want)
		}
	}
}

func TestShownAddressHasNoPassword(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"simulator:millrace@home?.db":     "simulator:millrace@home?.db",
		"http://localhost:8090":           "http://localhost:8090",
		"https://me:secret@pay.example/v": "https://…@pay.example/v",
		"https://pay.example?key=secret":  "https://pay.example",
		"http://me:sec@ret@h":             "http://…@h",
		"http://me:se/cr#et@h":            "http:…",
		"http://me:secret@h:port":         "http:…",
		"https:me:secret@h":               "https:…",
		"":                                "",
	} {
		if got := gateway.Shown(address); got != want {
			t.Errorf("%q is shown as %q, want %q", address, got, want)
		}
	}
}

func TestSchemesAreSorted(t *testing.T) {
	t.Parallel()
	if got := gateway.Schemes(); !slices.Equal(got, []string{"http:", "https:", "simulator:"}) {
		t.Errorf("the schemes are %v", got)
	}
}

func TestRemoteGatewayHasNothingToShow(t *testing.T) {
	t.Parallel()
	g := remote(t, func(http.ResponseWriter, *http.Request) {})
	if g.Handler() != nil {
		t.Error("there is a handler for a ledger that is somewhere else")
	}
}

func TestRequestAfterItsContextIsNotMade(t *testing.T) {
	t.Parallel()
	onAll(t, gateway.Config{}, func(t *testing.T, to *till) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		reference, err := to.Charge(ctx, charge("k", gateway.TokenOK, 1000))
		wantOpen(t, reference, err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that the context is canceled", err)
		}
		if charges := list[gateway.Charge](to, "/charges", "10"); len(charges) != 0 {
			t.Errorf("charged %v", charges)
		}
	})
}
