package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config is what all gateways can be told. Its zero value is usable.
type Config struct {
	// SlowAnswer is how long the built-in simulator takes to answer TokenSlow.
	// Defaults to 2s.
	SlowAnswer time.Duration

	// Timeout is how long one request to the gateway may take. Defaults to 10s.
	Timeout time.Duration

	// Log is told of requests that failed in the built-in simulator. Defaults to
	// slog.Default().
	Log *slog.Logger
}

// Gateway is a payment gateway that was opened by its address.
type Gateway struct {
	*Client
	server *Server // nil if it is somewhere else
}

// Open returns the gateway at an address. "simulator:PATH" is the built-in one with
// its ledger at the path; "http://HOST:PORT" is one that is somewhere else, and no
// error if it is away.
func Open(ctx context.Context, address string, c Config) (*Gateway, error) {
	scheme, _, found := strings.Cut(address, ":")
	open, known := openers[scheme]
	if !found || !known {
		return nil, fmt.Errorf("gateway %q: want one of %s", Shown(address), strings.Join(Schemes(), ", "))
	}
	g, err := open(ctx, address, c)
	if err != nil {
		return nil, fmt.Errorf("open gateway %s: %w", Shown(address), err)
	}
	return g, nil
}

var openers = map[string]func(ctx context.Context, address string, c Config) (*Gateway, error){
	"http":      openRemote,
	"https":     openRemote,
	"simulator": openSimulator,
}

// Schemes returns the beginnings of the addresses that Open knows.
func Schemes() []string {
	var all []string
	for scheme := range openers {
		all = append(all, scheme+":")
	}
	slices.Sort(all)
	return all
}

// Shown is an address without what may be a password, however wrong it is written.
func Shown(address string) string {
	scheme, _, found := strings.Cut(address, ":")
	if !found || scheme == "simulator" {
		return address
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return scheme + ":…"
	case u.User != nil:
		return scheme + "://…@" + u.Host + u.Path
	}
	return scheme + "://" + u.Host + u.Path
}

func openSimulator(ctx context.Context, address string, c Config) (*Gateway, error) {
	path := strings.TrimPrefix(address, "simulator:")
	if path == "" {
		return nil, errors.New("want simulator:PATH")
	}
	ledger, err := OpenLedger(ctx, path)
	if err != nil {
		return nil, err
	}
	server := NewServer(ServerConfig{Ledger: ledger, SlowAnswer: c.SlowAnswer, Log: c.Log})
	client := NewClient(ClientConfig{
		BaseURL: &url.URL{Scheme: "http", Host: "simulator"}, Timeout: c.Timeout, Transport: inProcess{server},
	})
	return &Gateway{Client: client, server: server}, nil
}

// openRemote takes addresses that requests can be added to. What it says of others
// does not repeat them.
func openRemote(_ context.Context, address string, c Config) (*Gateway, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("want http://HOST:PORT or https://HOST:PORT")
	}
	return &Gateway{Client: NewClient(ClientConfig{BaseURL: u, Timeout: c.Timeout})}, nil
}

// Handler returns what the built-in simulator has to show of its ledger, such as
// GET /charges and GET /totals. It is nil if the gateway is somewhere else.
func (g *Gateway) Handler() http.Handler {
	if g.server == nil {
		return nil
	}
	return g.server.Audit()
}

// Close gives slow answers at once and lets go of connections and files. Nobody may
// be asking any more, but for slow answers.
func (g *Gateway) Close() error {
	g.Client.Close()
	if g.server == nil {
		return nil
	}
	g.server.Hurry()
	return g.server.ledger.Close()
}
