package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
)

// mySQL is for MySQL and MariaDB. Several processes may write: what a transaction
// has read may have changed when it writes. Unique keys and locked rows find that
// out, and the transaction is run again.
var mySQL = dialect{
	name:      "mysql",
	goose:     goose.DialectMySQL,
	open:      openMySQL,
	check:     checkMySQL,
	once:      onceMySQL,
	writer:    "SET SESSION autocommit = 0", // every statement begins a transaction unless there is one
	forUpdate: " FOR UPDATE",
	now:       "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)",
	rows:      128,
	interrupt: true,
	upsert: func(_ string, columns ...string) string {
		return " ON DUPLICATE KEY UPDATE " + assign("%s = VALUES(%s)", columns)
	},
	versions:     "SELECT stream, MAX(version) FROM events WHERE stream IN (%s) GROUP BY stream",
	versionsItem: "?", versionsSeparator: ",",
	tails: func(n int) string {
		return "SELECT " + eventColumns + " FROM events e WHERE " +
			list("(e.stream = ? AND e.version > ? AND e.version <= ?)", " OR ", n) + " ORDER BY e.stream, e.version"
	},
	again:  againMySQL,
	search: mySQLSearch,
}

const (
	// mySQLConnections is how many queries may run at a time.
	mySQLConnections = 32

	// mySQLPatience is how long the server may take for a statement before the
	// connection counts as broken.
	mySQLPatience = 10 * time.Second
)

// openMySQL makes a pool for //user:password@host:port/database. The parameter tls
// is handed to the driver: true, skip-verify or preferred.
func openMySQL(address string) (*sql.DB, error) {
	u, err := url.Parse("mysql:" + address)
	if err != nil {
		return nil, errors.New("want mysql://USER:PASSWORD@HOST:PORT/DATABASE") // the error of url.Parse would show the password
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.DBName = "tcp", u.Host, u.User.Username(), strings.TrimPrefix(u.Path, "/")
	c.Passwd, _ = u.User.Password()
	if u.Port() == "" {
		c.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	if u.Hostname() == "" || c.User == "" || c.DBName == "" {
		return nil, errors.New("want mysql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	for name, values := range u.Query() {
		if name != "tls" {
			return nil, fmt.Errorf("there is no parameter %s, only tls", name)
		}
		c.TLSConfig = values[0]
	}
	c.Timeout, c.ReadTimeout, c.WriteTimeout = mySQLPatience/2, mySQLPatience, mySQLPatience
	c.RejectReadOnly = true // as a server is that another one has taken over from
	c.Logger = &mysql.NopLogger{}
	c.Params = map[string]string{
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'",
		"time_zone":                "'+00:00'",
		"innodb_lock_wait_timeout": "5",
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(readCommitted{connector})
	db.SetMaxOpenConns(mySQLConnections)
	db.SetMaxIdleConns(mySQLConnections)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// readCommitted sets the isolation of new connections, for which MySQL and MariaDB
// have variables of different names. Each statement sees what was committed before
// it, and locks no gaps.
type readCommitted struct{ driver.Connector }

func (c readCommitted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	const set = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, set, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// checkMySQL refuses a server that can lose a transaction after it has confirmed
// it. Without a binlog it is InnoDB's log that counts; with one, a transaction that
// is not in the binlog is undone after a crash.
func checkMySQL(ctx context.Context, db *sql.DB) error {
	var (
		flush, sync, binlog, token int
		mode, format               string
	)
	err := db.QueryRowContext(ctx, `SELECT @@GLOBAL.innodb_flush_log_at_trx_commit, @@GLOBAL.sync_binlog, @@GLOBAL.log_bin,
		@@GLOBAL.innodb_ft_min_token_size, @@SESSION.sql_mode, @@SESSION.binlog_format`).Scan(&flush, &sync, &binlog, &token, &mode, &format)
	if err != nil {
		return err
	}
	var wrong []error
	if flush != 1 {
		wrong = append(wrong, fmt.Errorf("commits would not be durable: innodb_flush_log_at_trx_commit is %d, want 1", flush))
	}
	if binlog != 0 && sync != 1 {
		wrong = append(wrong, fmt.Errorf("commits would not be durable: sync_binlog is %d, want 1 while there is a binlog", sync))
	}
	if binlog != 0 && format == "STATEMENT" {
		wrong = append(wrong, errors.New("binlog_format is STATEMENT, want ROW or MIXED: READ COMMITTED cannot be logged by statements"))
	}
	if token > minToken {
		wrong = append(wrong, fmt.Errorf("search would not find short words: innodb_ft_min_token_size is %d, want at most %d", token, minToken))
	}
	if !strings.Contains(mode, "STRICT_") {
		wrong = append(wrong, fmt.Errorf("values that do not fit would be cut: sql_mode is %q, want STRICT_ALL_TABLES", mode))
	}
	return errors.Join(wrong...)
}

// onceMySQL lets one process at a time change the schema.
func onceMySQL(ctx context.Context, db *sql.DB, run func() error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // which gives the lock back if nothing else did
	for got := (sql.NullInt64{}); got.Int64 != 1; {
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('millrace ', DATABASE()), 5)").Scan(&got); err != nil {
			return fmt.Errorf("wait for other processes: %w", err)
		}
	}
	err = run()
	_, free := conn.ExecContext(ctx, "DO RELEASE_LOCK(CONCAT('millrace ', DATABASE()))")
	return errors.Join(err, free)
}

// Errors by which MySQL says that a transaction was in the way of another one, or
// that the server is about to go.
var passing = []uint16{
	1062, // duplicate key: somebody else wrote it after it was looked for
	1205, // lock wait timeout; undoes the statement only, so that the transaction has to be ended
	1213, // deadlock; the transaction is undone already
	1020, // the record has changed since it was read
	1053, // the server shuts down
	1317, // the query was interrupted
	1927, // the connection was killed (MariaDB)
	4031, // the connection was idle for too long
}

func againMySQL(err error) bool {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return slices.Contains(passing, e.Number)
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok { // servers get their names when they start
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, io.EOF)
}
