package main

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/servertest"
)

func TestWelcomeSaysWhoTakesTheMoney(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ roles, gateway, public, want string }{
		{"all", "simulator:", "127.0.0.1:8080", "\n  gateway  simulated; ledger /data/orders-gateway.db\n\nA first order:"},
		{"all", "simulator:/tmp/ledger.db", "127.0.0.1:8080", "\n  gateway  simulated; ledger /tmp/ledger.db\n"},
		{"payments,restaurant", "http://millrace:sesame@pay.example:8090", "", "\n  gateway  http://…@pay.example:8090\n"},
		{"api,processes", "simulator:", "127.0.0.1:8080", ""},
		{"processes", "simulator:", "", ""},
	} {
		says := welcome(config{Store: "sqlite:/data/orders.db", Broker: "sql:", Roles: test.roles, Gateway: test.gateway}, test.public, "127.0.0.1:8081")
		if !strings.Contains(says, test.want) || strings.Contains(says, "gateway") != (test.want != "") || strings.Contains(says, "sesame") {
			t.Errorf("with %s and %s it says\n%s\nwant %q", test.roles, test.gateway, says, test.want)
		}
		if !strings.Contains(says, "  http://127.0.0.1:8081/admin/processes\n") || strings.Contains(says, "%!") {
			t.Errorf("it says\n%s\nwithout where processes are shown", says)
		}
	}
}

// Whoever has a database server may well believe that the money is real, too.
func TestServiceWarnsOfPlayMoney(t *testing.T) {
	t.Parallel()
	const warning = "payments are simulated, with a ledger in the working directory"
	server := "MILLRACE_STORE=" + servertest.Database(t, "mariadb")
	for name, test := range map[string]struct {
		environment []string
		warns       bool
	}{
		"on a server":                    {[]string{server}, true},
		"on a server without payments":   {[]string{server, "MILLRACE_ROLES=api,relay", "MILLRACE_BROKER=sql:"}, false},
		"on a server, and a gateway":     {[]string{server, "MILLRACE_GATEWAY=http://127.0.0.1:1"}, false},
		"on a server, and a ledger":      {[]string{server, "MILLRACE_GATEWAY=simulator:ledger.db"}, false},
		"on a file, as it is by default": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// An address of nobody's ends it once it is put together.
			_, stderr, _ := run(t, append([]string{"MILLRACE_ADMIN_ADDR=256.256.256.256:1", "MILLRACE_HTTP_ADDR=127.0.0.1:0"}, test.environment...), "serve")
			if !strings.Contains(stderr, "MILLRACE_ADMIN_ADDR") {
				t.Fatalf("standard error is %q, want it to end for the lack of an address", stderr)
			}
			warns := strings.Contains(stderr, "level=WARN") && strings.Contains(stderr, warning) && strings.Contains(stderr, "ledger=millrace-gateway.db")
			if warns != test.warns || !test.warns && strings.Contains(stderr, warning) {
				t.Errorf("standard error is %q, want a warning: %t", stderr, test.warns)
			}
		})
	}
}
