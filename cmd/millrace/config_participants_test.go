package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestBuiltInGatewayKeepsItsLedgerBesideTheStore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ store, gateway, want string }{
		{"sqlite:millrace.db", "simulator:", "simulator:millrace-gateway.db"},
		{"sqlite:/data/orders.db", "simulator:", "simulator:/data/orders-gateway.db"},
		{"sqlite:/data/orders", "simulator:", "simulator:/data/orders-gateway.db"},
		{"mysql://m@h/d", "simulator:", "simulator:millrace-gateway.db"},
		{"sqlite:millrace.db", "simulator:/tmp/ledger.db", "simulator:/tmp/ledger.db"},
		{"sqlite:millrace.db", "http://gateway:8090", "http://gateway:8090"},
	} {
		if got := (&config{Store: test.store, Gateway: test.gateway}).gatewayAddress(); got != test.want {
			t.Errorf("with %s and %s the gateway is %s, want %s", test.store, test.gateway, got, test.want)
		}
	}
}

func TestBlanksAroundProductsThatAreSoldOutDoNotCount(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]string{
		"":                {},
		"p-1":             {"p-1"},
		"p-1,p-2":         {"p-1", "p-2"},
		" p-1 ,\tp-2 ":    {"p-1", "p-2"},
		`p 1,"a, b", p-3`: {"p 1", "a, b", "p-3"},
	} {
		c, err := soldOut(t, value)
		if err != nil {
			t.Errorf("%q is refused: %v", value, err)
		}
		if got := c.houseRule().SoldOut; !slices.Equal(got, want) {
			t.Errorf("%q means %q, want %q", value, got, want)
		}
	}
	for _, value := range []string{" ", ",", "p-1,", "p-1, ,p-2", ",p-1"} {
		if _, err := soldOut(t, value); err == nil || !strings.Contains(err.Error(), "MILLRACE_SOLD_OUT") || !strings.Contains(err.Error(), "empty") {
			t.Errorf("%q is answered with %v, want that an id is empty, and the name of the variable", value, err)
		}
	}
}

func TestNothingIsSoldOutByDefault(t *testing.T) {
	t.Parallel()
	var c config
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.participantFlags(f)
	if err := c.check(f); err != nil || len(c.houseRule().SoldOut) > 0 {
		t.Errorf("%q are sold out, %v", c.SoldOut, err)
	}
}

// soldOut reads a value of the setting, and checks it.
func soldOut(t *testing.T, value string) (*config, error) {
	t.Helper()
	var c config
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.participantFlags(f)
	if err := f.Set("sold-out", value); err != nil {
		t.Fatal(err)
	}
	return &c, c.check(f)
}
