package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// store is a fresh place for one service to keep everything in.
type store interface {
	// address is what the service is told.
	address() string

	// describe tells the version and what decides durability.
	describe(context.Context) (string, error)

	// raw measures what the same database gives to plain inserts of an event's
	// size: one event per transaction from so many writers, and 100 per transaction
	// from one. Both are events per second. It comes before the service.
	raw(ctx context.Context, writers int, duration time.Duration) (one, batched float64, err error)

	// orders counts the orders of a status in the view.
	orders(ctx context.Context, status string) (int, error)

	// between tells how long it took orders from one event until another, by when
	// these were decided, for each order that has both.
	between(ctx context.Context, first, then string) ([]time.Duration, error)

	// bytes is how large the store is on disk, or 0 where that cannot be seen.
	bytes() int64

	// close throws the store away.
	close(context.Context) error
}

// eventSize is how large an event of the raw measurements is.
const eventSize = 512

// storeKind says how to make a fresh store of the kind that was asked for. The
// environment has the addresses of servers that are asked for by name.
func storeKind(asked string, env func(string) string) (func(context.Context) (store, error), error) {
	address, err := serverAddress(asked, env, "mariadb", "mysql")
	switch {
	case err != nil:
		return nil, fmt.Errorf("--store: %w", err)
	case asked == "sqlite":
		return newSQLite, nil
	case strings.HasPrefix(address, "mysql://"):
		if _, err := mysqlConfig(address); err != nil {
			return nil, fmt.Errorf("--store: %w", err)
		}
		return func(ctx context.Context) (store, error) { return newMySQL(ctx, address) }, nil
	}
	return nil, fmt.Errorf("--store: %q is none of sqlite, mariadb, mysql and mysql://USER:PASSWORD@HOST:PORT/DATABASE", asked)
}

// serverAddress returns the address of a server that was asked for by a name of
// scripts/servers.sh. What is not one of these names is taken for an address.
func serverAddress(asked string, env func(string) string, names ...string) (string, error) {
	for _, name := range names {
		if asked != name {
			continue
		}
		variable := "MILLRACE_TEST_" + strings.ToUpper(name)
		if address := env(variable); address != "" {
			return address, nil
		}
		return "", fmt.Errorf(`%s is not set; start it by scripts/servers.sh start %s && eval "$(scripts/servers.sh env)"`, variable, name)
	}
	return asked, nil
}

// freshName returns a name for a database or a virtual host that nobody has.
func freshName() string { return "millrace_bench_" + strings.ToLower(rand.Text()) }

// countOrders asks the view, which both Millrace and the textbook call order_views.
func countOrders(ctx context.Context, db *sql.DB, status string) (int, error) {
	var n int
	err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM order_views WHERE status = ?", status).Scan(&n)
	return n, err
}

// timesBetween asks the events, which the service keeps in a table of that name.
func timesBetween(ctx context.Context, db *sql.DB, first, then string) ([]time.Duration, error) {
	rows, err := db.QueryContext(ctx, `SELECT b.occurred_at - a.occurred_at FROM events a JOIN events b ON b.stream = a.stream
		WHERE a.type = ? AND b.type = ?`, first, then)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []time.Duration
	for rows.Next() {
		var micros int64
		if err := rows.Scan(&micros); err != nil {
			return nil, err
		}
		all = append(all, time.Duration(micros)*time.Microsecond)
	}
	return all, rows.Err()
}
