package main

import (
	"strings"
	"testing"
)

// environment stands in for that of the process.
func environment(name string) string {
	return map[string]string{
		"MILLRACE_TEST_MARIADB":             "mysql://u:secret@127.0.0.1:13306/test",
		"MILLRACE_TEST_RABBITMQ":            "amqp://u:secret@127.0.0.1:15673/",
		"MILLRACE_TEST_RABBITMQ_MANAGEMENT": "http://127.0.0.1:1",
	}[name]
}

func TestStoresThatMayBeAskedFor(t *testing.T) {
	t.Parallel()
	for asked, objection := range map[string]string{
		"sqlite":                        "",
		"mariadb":                       "",
		"mysql://u:secret@127.0.0.1/db": "",
		"mysql":                         "MILLRACE_TEST_MYSQL is not set",
		"":                              "none of",
		"sqlite:my.db":                  "none of",
		"postgres":                      "none of",
		"mysql://u:secret@127.0.0.1":    "want mysql://",
		"mysql://127.0.0.1/db":          "want mysql://",
		"mysql://u:secret@127.0.0.1:x/": "not a URL",
	} {
		_, err := storeKind(asked, environment)
		wantObjection(t, asked, err, objection)
	}
}

func TestBrokersThatMayBeAskedFor(t *testing.T) {
	t.Parallel()
	for asked, objection := range map[string]string{
		"memory:":                           "",
		"nats://127.0.0.1:4222":             "",
		"rabbitmq":                          "",
		"amqp://u:secret@127.0.0.1:5672/":   "",
		"rabbitmq3":                         "MILLRACE_TEST_RABBITMQ3 is not set",
		"":                                  "none of",
		"memory":                            "none of",
		"amqp://127.0.0.1:5672/":            "want amqp://",
		"amqp://u:secret@127.0.0.1:no-port": "not a URL",
	} {
		_, err := brokerKind(asked, environment)
		wantObjection(t, asked, err, objection)
	}
}

func wantObjection(t *testing.T, asked string, err error, objection string) {
	t.Helper()
	switch {
	case objection == "" && err != nil:
		t.Errorf("%q: %v", asked, err)
	case objection != "" && (err == nil || !strings.Contains(err.Error(), objection)):
		t.Errorf("%q: the error is %v, want one that says %q", asked, err, objection)
	case err != nil && strings.Contains(err.Error(), "secret") && objection == "not a URL":
		t.Errorf("%q: the error tells the password", asked)
	}
}

func TestOtherBrokersKeepTheirPasswords(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"memory:":                     "memory:",
		"redis://u:secret@host:6379":  "redis://u:xxxxx@host:6379",
		"redis://u:secret@host:x/%zz": "redis",
	} {
		if got, err := otherBroker(address).describe(t.Context()); err != nil || got != want {
			t.Errorf("%q is described as %q (%v), want %q", address, got, err, want)
		}
	}
}

func TestMySQLAddresses(t *testing.T) {
	t.Parallel()
	c, err := mysqlConfig("mysql://me:a%2Fb@db.example/orders")
	if err != nil {
		t.Fatal(err)
	}
	if c.User != "me" || c.Passwd != "a/b" || c.Addr != "db.example:3306" || c.DBName != "orders" {
		t.Errorf("read as %s, %s, %s, %s", c.User, c.Passwd, c.Addr, c.DBName)
	}
}

func TestManagementIsTenThousandAboveThePort(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"amqp://u:p@host/":       "http://host:15672",
		"amqp://u:p@host:15673/": "http://host:25673",
		"amqp://u:p@[::1]:1/":    "http://[::1]:10001",
	} {
		if got, err := managementOf(address); err != nil || got != want {
			t.Errorf("the management of %s is at %q (%v), want %q", address, got, err, want)
		}
	}
}

func TestProductsAreCalledByTheirNames(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"10.11.14-MariaDB-0+deb12u2-log": "MariaDB 10.11.14",
		"9.7.0":                          "MySQL 9.7.0",
		"8.0.11-TiDB-v7.5.0":             "MySQL 8.0.11-TiDB-v7.5.0",
	} {
		if got := product(version); got != want {
			t.Errorf("%s is called %q, want %q", version, got, want)
		}
	}
}

func TestNumbersOfClients(t *testing.T) {
	t.Parallel()
	if got, err := counts("64, 1,16"); err != nil || len(got) != 3 || got[0] != 1 || got[2] != 64 {
		t.Errorf("read %v (%v), want 1, 16 and 64", got, err)
	}
	for _, wrong := range []string{"", "0", "1,,2", "some"} {
		if _, err := counts(wrong); err == nil {
			t.Errorf("%q passes for numbers of clients", wrong)
		}
	}
}
