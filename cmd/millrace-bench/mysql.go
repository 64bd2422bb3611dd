package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlStore is a database of its own on a server: MySQL or one of its kin.
type mysqlStore struct {
	url  string
	dsn  string // the same for the driver
	name string
	db   *sql.DB
}

func newMySQL(ctx context.Context, server string) (store, error) {
	c, err := mysqlConfig(server)
	if err != nil {
		return nil, err
	}
	name := freshName()
	admin, err := openMySQL(c)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, fmt.Errorf("create a database on %s: %w", c.Addr, err)
	}
	address, _ := url.Parse(server) // it was parsed before
	address.Path = "/" + name
	c.DBName = name
	db, err := openMySQL(c)
	if err != nil {
		return nil, err
	}
	return &mysqlStore{url: address.String(), dsn: c.FormatDSN(), name: name, db: db}, nil
}

// mysqlConfig reads an address as the service takes it.
func mysqlConfig(address string) (*mysql.Config, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address is not a URL") // the error of url.Parse tells the password
	}
	if u.Scheme != "mysql" || u.Hostname() == "" || u.User == nil || strings.Trim(u.Path, "/") == "" {
		return nil, errors.New("want mysql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName, c.User = "tcp", u.Host, strings.Trim(u.Path, "/"), u.User.Username()
	if u.Port() == "" {
		c.Addr += ":3306"
	}
	c.Passwd, _ = u.User.Password()
	c.InterpolateParams = true // one round trip for a statement
	return c, nil
}

func openMySQL(c *mysql.Config) (*sql.DB, error) {
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (s *mysqlStore) address() string { return s.url }

func (s *mysqlStore) describe(ctx context.Context) (string, error) {
	var (
		version                    string
		flush, syncBinlog, withLog int
	)
	err := s.db.QueryRowContext(ctx, "SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@log_bin").
		Scan(&version, &flush, &syncBinlog, &withLog)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, innodb_flush_log_at_trx_commit=%d, sync_binlog=%d, log_bin=%d", product(version), flush, syncBinlog, withLog), nil
}

// product takes what a server says for its version, such as
// 10.11.14-MariaDB-0+deb12u2-log, and returns what people call it.
func product(version string) string {
	if number, _, kin := strings.Cut(version, "-MariaDB"); kin {
		return "MariaDB " + number
	}
	return "MySQL " + version
}

func (s *mysqlStore) raw(ctx context.Context, writers int, duration time.Duration) (one, batched float64, err error) {
	s.db.SetMaxIdleConns(writers)
	_, err = s.db.ExecContext(ctx, "CREATE TABLE raw_events (stream BIGINT, version INT, data BLOB, PRIMARY KEY (stream, version))")
	if err != nil {
		return 0, 0, err
	}
	const insert, row = "INSERT INTO raw_events (stream, version, data) VALUES (?, 1, ?)", ", (?, 1, ?)"
	var n atomic.Int64
	data := []byte(strings.Repeat("e", eventSize))
	one, err = rate(duration, writers, func(int) (int64, error) {
		_, err := s.db.ExecContext(ctx, insert, n.Add(1), data)
		return 1, err
	})
	if err != nil {
		return 0, 0, err
	}
	const rows = 100
	batched, err = rate(duration, 1, func(int) (int64, error) {
		values := make([]any, 0, 2*rows)
		for range rows {
			values = append(values, n.Add(1), data)
		}
		_, err := s.db.ExecContext(ctx, insert+strings.Repeat(row, rows-1), values...)
		return rows, err
	})
	if err != nil {
		return 0, 0, err
	}
	_, err = s.db.ExecContext(ctx, "DROP TABLE raw_events")
	return one, batched, err
}

func (s *mysqlStore) orders(ctx context.Context, status string) (int, error) {
	return countOrders(ctx, s.db, status)
}

func (s *mysqlStore) between(ctx context.Context, first, then string) ([]time.Duration, error) {
	return timesBetween(ctx, s.db, first, then)
}

// bytes cannot be seen: what the server tells about the size of tables is an
// estimate that it refreshes now and then.
func (s *mysqlStore) bytes() int64 { return 0 }

func (s *mysqlStore) close(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "DROP DATABASE "+s.name)
	return errors.Join(err, s.db.Close())
}
