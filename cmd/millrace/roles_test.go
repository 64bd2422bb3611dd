package main

import (
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/servertest"
)

func TestWrongRoles(t *testing.T) {
	t.Parallel()
	const amqp = "MILLRACE_BROKER=amqp://guest:guest@127.0.0.1:1/"
	for name, environment := range map[string][]string{
		"one that does not exist":    {amqp, "MILLRACE_ROLES=api,cook"},
		"none":                       {amqp, "MILLRACE_ROLES="},
		"one without a name":         {amqp, "MILLRACE_ROLES=api,"},
		"with a space":               {amqp, "MILLRACE_ROLES=api, relay"},
		"all and one more":           {amqp, "MILLRACE_ROLES=all,api"},
		"another case":               {amqp, "MILLRACE_ROLES=API"},
		"some, and a broker inside":  {"MILLRACE_ROLES=api,relay", "MILLRACE_BROKER=memory:"},
		"each, and a broker inside":  {"MILLRACE_ROLES=" + strings.Join(roleNames, ",")},
		"one, and no broker is said": {"MILLRACE_ROLES=relay"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// An address of nobody's, so that what is not refused ends all the same.
			stdout, stderr, exit := run(t, append([]string{"MILLRACE_ADMIN_ADDR=256.256.256.256:1"}, environment...), "serve")
			wantComplaint(t, stdout, stderr, exit, "MILLRACE_ROLES")
		})
	}
	_, stderr, _ := run(t, []string{amqp, "MILLRACE_ROLES=checkout"}, "serve")
	if want := "want all, or any of " + strings.Join(roleNames, ","); !strings.Contains(stderr, want) {
		t.Errorf("standard error is %q, want %q in it", stderr, want)
	}
}

func TestConfigShowsRolesAndNoPasswords(t *testing.T) {
	t.Parallel()
	stdout, stderr, exit := run(t, []string{
		"MILLRACE_ROLES=api,relay",
		"MILLRACE_STORE=mysql://millrace:sesame@db.example:3306/orders",
		"MILLRACE_BROKER=amqp://millrace:sesame@broker.example:5672/orders",
	}, "config")
	if exit != 0 || stderr != "" {
		t.Fatalf("exit code %d and %q", exit, stderr)
	}
	for variable, want := range map[string]string{
		"MILLRACE_ROLES ": "api,relay", "MILLRACE_STORE ": "db.example:3306/orders", "MILLRACE_BROKER ": "broker.example:5672/orders",
	} {
		i := slices.IndexFunc(lines(stdout), func(line string) bool { return strings.HasPrefix(line, variable) })
		if i < 0 || !strings.Contains(lines(stdout)[i], want) {
			t.Errorf("config says %q, want %s to hold %s", stdout, variable, want)
		}
	}
	if strings.Contains(stdout, "sesame") {
		t.Errorf("config shows a password:\n%s", stdout)
	}
}

func TestComplaintsShowNoPasswords(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{
		"a store of no kind":             "MILLRACE_STORE=postgres://millrace:sesame@127.0.0.1:1/orders",
		"a store that cannot be parsed":  "MILLRACE_STORE=mysql://millrace:sesame%zz@127.0.0.1:1/orders",
		"a store without a database":     "MILLRACE_STORE=mysql://millrace:sesame@127.0.0.1:1/",
		"a broker of no kind":            "MILLRACE_BROKER=pigeon://millrace:sesame@127.0.0.1:1/",
		"a broker that cannot be parsed": "MILLRACE_BROKER=amqp://millrace:sesame%zz@127.0.0.1:1/",
		"a broker with an odd port":      "MILLRACE_BROKER=amqp://millrace:sesame@127.0.0.1:port/",
		"a broker that is no server's":   "MILLRACE_BROKER=amqp://millrace:sesame@",
		"a broker with an odd parameter": "MILLRACE_BROKER=amqp://millrace:sesame@127.0.0.1:1/?heartbeat=often",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, exit := run(t, []string{setting, "MILLRACE_ADMIN_ADDR=256.256.256.256:1"}, "serve")
			if exit != 1 || strings.Contains(stdout+stderr, "sesame") {
				t.Errorf("exit code %d, %q and %q, want 1 and no password", exit, stdout, stderr)
			}
		})
	}
}

// A process without the role api does not even look at the address of the API.
func TestProcessWithoutTheAPIHasNoPublicListener(t *testing.T) {
	t.Parallel()
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = occupied.Close() }) // nobody has called
	broker := servertest.VirtualHost(t, "rabbitmq")
	s := start(t, func(c *config) {
		c.Broker, c.Roles, c.HTTPAddr = broker, "commands,relay", occupied.Addr().String()
	})
	if s.public != "http://" {
		t.Errorf("it serves the API at %s, want nowhere", s.public)
	}
	if got := welcome(s.config, "", "127.0.0.1:8081"); !strings.Contains(got, "commands,relay") || strings.Contains(got, "/v1/") {
		t.Errorf("it welcomes with %q, want its roles and no API", got)
	}
	c := s.client(t)
	c.base = s.admin
	c.get("/readyz").want(http.StatusOK)
}

// Every role in a process of its own, but for the restaurant, which is nobody yet.
func TestRolesShareAnOrder(t *testing.T) {
	t.Parallel()
	broker := servertest.VirtualHost(t, "rabbitmq")
	store := "sqlite:" + filepath.Join(t.TempDir(), "millrace.db")
	var public client
	for _, role := range roleNames {
		s := start(t, func(c *config) { c.Store, c.Broker, c.Roles = store, broker, role })
		if role == "api" {
			public = s.client(t)
		}
	}
	order := public.create()
	public.post(order+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
	public.awaitStatus(order, "approved", "paid")
	wantHistory(t, public, order, "order.created", "order.submitted", "order.payment_requested", "order.paid", "order.approved")
}
