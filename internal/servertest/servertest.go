// Package servertest tells tests where the real servers are that they run
// against. scripts/servers.sh brings these up and prints their addresses.
package servertest

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Address returns where a server is: mariadb, mysql, rabbitmq, rabbitmq3 or redis.
// Without it the test fails, unless somebody has set SKIP_MYSQL=1 or the like.
func Address(tb testing.TB, name string) string {
	tb.Helper()
	variable := "MILLRACE_TEST_" + strings.ToUpper(name)
	if address := os.Getenv(variable); address != "" {
		return address
	}
	if skip := "SKIP_" + strings.ToUpper(name); os.Getenv(skip) != "" {
		tb.Skipf("%s is set", skip)
	}
	tb.Fatalf(`%s is not set. "make test" starts the servers; so does
	scripts/servers.sh start && eval "$(scripts/servers.sh env)"
To go without this one, set SKIP_%s=1.`, variable, strings.ToUpper(name))
	return ""
}

// Management returns the address of a RabbitMQ's management API.
func Management(tb testing.TB, name string) string {
	tb.Helper()
	return Address(tb, name+"_management")
}

// Database makes an empty database on a server, mariadb or mysql, and returns its
// address. It is gone after the test.
func Database(tb testing.TB, server string) string {
	tb.Helper()
	address, err := url.Parse(Address(tb, server))
	if err != nil {
		tb.Fatal(err)
	}
	admin := Connect(tb, address.String())
	name := "millrace_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := admin.Exec("DROP DATABASE " + name); err != nil {
			tb.Error(err)
		}
	})
	address.Path = "/" + name
	return address.String()
}

// Connect opens a connection of the test's own to a database.
func Connect(tb testing.TB, address string) *sql.DB {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName, c.User = "tcp", u.Host, strings.TrimPrefix(u.Path, "/"), u.User.Username()
	c.Passwd, _ = u.User.Password()
	connector, err := mysql.NewConnector(c)
	if err != nil {
		tb.Fatal(err)
	}
	db := sql.OpenDB(connector)
	tb.Cleanup(func() { db.Close() }) // what it says no longer matters
	return db
}
