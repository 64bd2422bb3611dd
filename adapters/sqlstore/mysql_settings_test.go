package sqlstore_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/servertest"
)

func TestMySQLRefusesSettingsThatLoseCommits(t *testing.T) {
	onOwnServers(t, func(t *testing.T, m *servertest.MySQL) {
		openMySQL(t, m.Address)
		raw := servertest.Connect(t, m.Address)
		for name, wrong := range map[string]string{
			"innodb_flush_log_at_trx_commit": "2",
			"sync_binlog":                    "0",
			"binlog_format":                  "'STATEMENT'",
		} {
			var right string
			if err := raw.QueryRow("SELECT @@GLOBAL." + name).Scan(&right); err != nil {
				t.Fatal(err)
			}
			execRaw(t, raw, "SET GLOBAL "+name+" = "+wrong)
			wantRefusedNaming(t, m.Address, name)
			if name == "binlog_format" {
				right = "'" + right + "'"
			}
			execRaw(t, raw, "SET GLOBAL "+name+" = "+right)
		}
		openMySQL(t, m.Address)
	})
}

// A server that has no connection left refuses whoever comes next, and the others keep
// theirs: somebody would not get on at all.
func TestEightProcessesFitOnAServer(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		pool := openMySQL(t, address).Pool()
		var most int
		if err := pool.QueryRow("SELECT @@GLOBAL.max_connections").Scan(&most); err != nil {
			t.Fatal(err)
		}
		if each := pool.Stats().MaxOpenConnections; 8*each > most {
			t.Errorf("each process may take %d connections of %d", each, most)
		}
	})
}

// wantRefusedNaming opens a database that must be refused, with an error that names
// something and does not show the password.
func wantRefusedNaming(t *testing.T, address, name string) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), address)
	switch {
	case err == nil:
		s.Close()
		t.Errorf("%s opens, want an error that names %s", address, name)
	case !strings.Contains(err.Error(), name):
		t.Errorf("%s: the error does not name %s: %v", address, name, err)
	case strings.Contains(err.Error(), "hush"):
		t.Errorf("%s: the error shows the password: %v", address, err)
	}
}

func TestMySQLAddressesThatAreWrong(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		right, host, database := u.User.String(), u.Host, u.Path
		for wrong, name := range map[string]string{
			"mysql://" + right + "@" + host + "/millrace_nothing_here":   "millrace_nothing_here",
			"mysql://millrace:hush@" + host + database:                   "Access denied",
			"mysql://nobody:hush@" + host + database:                     "Access denied",
			"mysql://nobody:hush@127.0.0.1:1" + database:                 "127.0.0.1:1",
			"mysql://millrace:hush@" + host:                              "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql://" + host + database:                                 "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql://millrace:hush@" + database:                          "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql:millrace:hush@tcp(" + host + ")" + database:           "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"millrace:hush@tcp(" + host + ")" + database:                 "want sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"postgres://millrace:hush@" + host + database:                "want sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql://millrace:hu/hush@" + host + database:                "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql://millrace:1/hush@" + host + database:                 "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql://millrace:1#hush@" + host + database:                 "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql://millrace:1?hush@" + host + database:                 "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql://millrace:%hush@" + host + database:                  "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql://millrace:hush@" + host + database + "?charset=utf8": "charset",
			"mysql://millrace:hush@" + host + database + "?tls=maybe":    "maybe",
			"mysql://millrace:hush":                                      "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
			"mysql:":                                                     "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
		} {
			wantRefusedNaming(t, wrong, name)
		}
	})
}

func TestMySQLSettingsAreInForceOnEveryConnection(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s := openMySQL(t, address)
		isolation := "transaction_isolation"
		if strings.HasSuffix(t.Name(), "mariadb") {
			isolation = "tx_isolation"
		}
		for i := range 5 {
			conn, err := s.Pool().Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var level, zone, mode string
			var wait int
			err = conn.QueryRowContext(t.Context(), "SELECT @@SESSION."+isolation+", @@SESSION.time_zone, @@SESSION.sql_mode, @@SESSION.innodb_lock_wait_timeout").
				Scan(&level, &zone, &mode, &wait)
			if err != nil || level != "READ-COMMITTED" || zone != "+00:00" || !strings.Contains(mode, "STRICT_ALL_TABLES") || wait != 1 {
				t.Errorf("connection %d has isolation %q, time zone %q, mode %q, patience %d; error %v", i, level, zone, mode, wait, err)
			}
		}
	})
}

func TestMySQLProcessesMigrateTogether(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		stores := make([]*sqlstore.Store, 3)
		for i := range stores {
			s, err := sqlstore.Open(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() }) // it has written nothing
			stores[i] = s
		}
		for i, err := range atOnce(len(stores), func(i int) error {
			version, err := stores[i].Migrate(t.Context())
			if err == nil && version == 0 {
				return fmt.Errorf("the schema has version %d", version)
			}
			return err
		}) {
			if err != nil {
				t.Errorf("process %d: %v", i, err)
			}
		}
		if err := stores[0].Append(t.Context(), addition("order-1", 0, 1)); err != nil {
			t.Error(err)
		}
	})
}

// A change of the schema takes as long as there are rows to change.
func TestMySQLWaitsForAMigrationAsLongAsItTakes(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		_, rest, _ := strings.Cut(address, ":")
		for patience, answers := range map[time.Duration]bool{0: true, 100 * time.Millisecond: false} {
			db, err := sqlstore.OpenMySQL(rest, patience)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() }) // may say that it has lost a connection
			if err := db.PingContext(t.Context()); err != nil && answers {
				t.Fatal(err)
			}
			var slept int
			err = db.QueryRowContext(t.Context(), "SELECT SLEEP(1)").Scan(&slept) // on the server
			if (err == nil) != answers {
				t.Errorf("with a patience of %v a slow statement says %v, want an answer: %v", patience, err, answers)
			}
		}
	})
}

// The user that a service runs as may neither change the schema nor what has
// happened.
func TestMySQLServesAUserWhoMayChangeNoEvents(t *testing.T) {
	onOwnServers(t, func(t *testing.T, m *servertest.MySQL) {
		openMySQL(t, m.Address)
		raw := servertest.Connect(t, m.Address)
		execRaw(t, raw, "CREATE USER 'service'@'%' IDENTIFIED BY 'service'")
		for _, table := range tables(t, raw) {
			rights := "SELECT, INSERT, UPDATE, DELETE"
			switch table {
			case "events":
				rights = "SELECT, INSERT"
			case "goose_db_version":
				rights = "SELECT"
			}
			execRaw(t, raw, fmt.Sprintf("GRANT %s ON millrace_test.%s TO 'service'@'%%'", rights, table))
		}
		s := openMySQL(t, strings.Replace(m.Address, "millrace:millrace", "service:service", 1))
		usesEverything(t, s)
		if _, err := s.Pool().Exec("DELETE FROM events"); err == nil {
			t.Error("the service may delete events")
		}
	})
}

func tables(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.Query("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

// usesEverything carries out each kind of write and of read once.
func usesEverything(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	a := addition(es.StreamOf("order", "1"), 0, 2)
	rejected := addition("order-2", 0, 1)
	finish := func() error {
		o := rejected.Outcome
		o.Status = es.StatusRejected
		return s.Finish(ctx, o)
	}
	var lease es.Lease
	steps := []struct {
		name string
		do   func() error
	}{
		{"ping", func() error { return s.Ping(ctx) }},
		{"accept", func() error { return accept(ctx, s, a) }},
		{"append", func() error { return s.Append(ctx, a) }},
		{"accept another", func() error { return accept(ctx, s, rejected) }},
		{"finish", finish},
		{"acquire", func() (err error) { lease, err = s.Acquire(ctx, "relay", "a", 1); return err }},
		{"acquire again", func() (err error) { lease, err = s.Acquire(ctx, "relay", "a", 1); return err }},
		{"relay", func() error { _, err := relayed(ctx, s, lease); return err }},
		{"save", func() error { return saveBoth(t, s, "1", 0) }},
		{"save again", func() error { return saveBoth(t, s, "1", 1) }},
		{"reach", func() error { return s.ViewProgress("views", "order", "order_views").Reached(ctx, lease, 2) }},
		{"reach further", func() error { return s.ViewProgress("views", "order", "order_views").Reached(ctx, lease, 3) }},
		{"bury", func() error { return s.Bury(ctx, sqlstore.DeadLetter{ID: "1", Payload: []byte("{}")}) }},
		{"bury again", func() error { return s.Bury(ctx, sqlstore.DeadLetter{ID: "1", Payload: []byte("{}")}) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	if v := versionOf(t, s, a.Stream); v != 2 {
		t.Errorf("the stream is at version %d, want 2", v)
	}
	if head, err := s.Head(ctx); head != 2 || err != nil {
		t.Errorf("the feed ends at %d, want 2; error %v", head, err)
	}
	if o, err := s.Outcome(ctx, rejected.Outcome.CommandID); o.Status != es.StatusRejected || err != nil {
		t.Errorf("the outcome is %s, error %v", o.Status, err)
	}
}
