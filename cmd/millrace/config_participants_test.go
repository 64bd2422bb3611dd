package main

import "testing"

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
