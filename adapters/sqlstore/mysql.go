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
	open:      func(address string) (*sql.DB, error) { return openMySQL(address, mySQLPatience) },
	migrator:  func(address string) (*sql.DB, error) { return openMySQL(address, 0) },
	check:     checkMySQL,
	once:      onceMySQL,
	writers:   4,
	writer:    mySQLWriter,
	byKey:     byKeyMySQL,
	through:   " FORCE INDEX (%s)", // MariaDB reads a list from its beginning to the page, if its statistics are old
	forUpdate: " FOR UPDATE",
	tables:    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
	now:       "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)",
	rows:      128,
	remote:    true,
	interrupt: true,
	remove: func(table, key string) string {
		return "DELETE x FROM (%s) k STRAIGHT_JOIN " + table + " x" + byKeyMySQL + " ON x." + key + " = k.v"
	},
	removeItem: "SELECT ? AS v", removeSeparator: " UNION ALL ",
	upsert: func(_ string, columns ...string) string {
		return " ON DUPLICATE KEY UPDATE " + assign("%s = VALUES(%s)", columns)
	},
	// Both would look for a MAX in the whole of a stream. So would MySQL, among several
	// streams, unless the order is all of the key; and MariaDB, which passes over what is
	// for MySQL 8, if it is.
	versions: `SELECT s.stream, (SELECT e.version FROM events e WHERE e.stream = s.stream
			ORDER BY /*!80000 e.stream DESC, */ e.version DESC LIMIT 1)
		FROM (%s) s`,
	versionsItem: "SELECT ? AS stream", versionsSeparator: " UNION ALL ",
	tails: func(n int) string {
		return "SELECT " + eventColumns + " FROM events e WHERE " +
			list("(e.stream = ? AND e.version > ? AND e.version <= ?)", " OR ", n) + " ORDER BY e.stream, e.version"
	},
	again:   againMySQL,
	refused: refusedMySQL,
	stuck:   func(err error) bool { return isMySQL(err, lockWait) },
	search:  mySQLSearch,
}

// mySQLWriter makes every statement begin a transaction, unless there is one. A
// process that stands still in the middle of it keeps what it has locked until
// wait_timeout: then the server ends its connection.
const mySQLWriter = "SET SESSION autocommit = 0, wait_timeout = 10"

// byKeyMySQL keeps the server from looking for rows in the whole of a small table,
// on the way through which it would wait for rows that others have locked. It does
// not for a DELETE with a list of keys, hence the join in remove.
const byKeyMySQL = " FORCE INDEX (PRIMARY)"

const (
	// mySQLConnections is how many queries may run at a time. Servers take 151
	// connections by default, and a service may well be eight processes.
	mySQLConnections = 16

	// mySQLPatience is how long the server may take for a statement before the
	// connection counts as broken.
	mySQLPatience = 10 * time.Second
)

// openMySQL makes a pool for //user:password@host:port/database. The parameter tls
// is handed to the driver: true, skip-verify or preferred. Patience is how long a
// statement may take, 0 for as long as it takes.
func openMySQL(address string, patience time.Duration) (*sql.DB, error) {
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
	c.Timeout, c.ReadTimeout, c.WriteTimeout = mySQLPatience/2, patience, patience
	c.MultiStatements, c.InterpolateParams = true, true // for tx.write; other statements are prepared
	c.RejectReadOnly = true                             // as a server is that another one has taken over from
	c.Collation = "binary"                              // as the columns are; bytes that are no UTF-8 would be refused
	c.Logger = &mysql.NopLogger{}
	c.Params = map[string]string{
		"sql_mode":                 "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'",
		"time_zone":                "'+00:00'",
		"innodb_lock_wait_timeout": "1", // while it waits nobody else in this process writes
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
	ctx, cancel := context.WithTimeout(ctx, mySQLPatience/2) // a server that is stopped takes connections and says nothing
	defer cancel()
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

// migration is the name of the lock for changing the schema: at most 64 characters,
// however long the name of the database is.
const migration = "CONCAT('millrace ', LEFT(SHA2(DATABASE(), 256), 40))"

// onceMySQL lets one process at a time change the schema.
func onceMySQL(ctx context.Context, db *sql.DB, run func() error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // which gives the lock back if nothing else did
	for got := (sql.NullInt64{}); got.Int64 != 1; {
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+migration+", 5)").Scan(&got); err != nil {
			return fmt.Errorf("wait for other processes: %w", err)
		}
	}
	err = run()
	_, free := conn.ExecContext(ctx, "DO RELEASE_LOCK("+migration+")")
	return errors.Join(err, free)
}

// lockWait is the error of a statement that has waited for a lock for too long. The
// server undoes that statement only, so that the transaction has to be ended.
const lockWait = 1205

// Errors by which MySQL says that a transaction was in the way of another one, or
// that the server is about to go.
var passing = []uint16{
	1062, // duplicate key: somebody else wrote it after it was looked for
	1213, // deadlock; the transaction is undone already
	1020, // the record has changed since it was read
	1053, // the server shuts down
	1317, // the query was interrupted
	1927, // the connection was killed (MariaDB)
	4031, // the connection was idle for too long
}

// Errors by which the driver and database/sql say that the connection is gone.
var lost = []error{driver.ErrBadConn, sql.ErrConnDone, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, io.EOF}

func isMySQL(err error, numbers ...uint16) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && slices.Contains(numbers, e.Number)
}

// refusedMySQL goes by the class of the SQLSTATE: data, constraints, rollbacks,
// syntax and rights, triggers. A wait for a lock has none of its own.
func refusedMySQL(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && (e.Number == 1205 || slices.Contains([]string{"22", "23", "40", "42", "45"}, string(e.SQLState[:2])))
}

func againMySQL(err error) bool {
	if isMySQL(err, passing...) {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok { // servers get their names when they start
		return true
	}
	return slices.ContainsFunc(lost, func(l error) bool { return errors.Is(err, l) })
}
