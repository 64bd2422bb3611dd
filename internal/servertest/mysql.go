package servertest

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// MySQL is a server of a test's own, which it may kill, stop and start again. It
// runs from the packages that scripts/servers.sh has installed, on a free port, with
// its data in a folder that is gone after the test.
type MySQL struct {
	Address string // of an empty database; its user may do everything

	tb      testing.TB
	root    string // of the packages
	program string
	dir     string
	args    []string
	running *exec.Cmd
	ended   chan struct{}
}

// mySQLPackages says where the programs of a server are.
var mySQLPackages = map[string]struct{ release, program string }{
	"mariadb": {"bookworm", "mariadbd"},
	"mysql":   {"sid", "mysqld"},
}

// StartMySQL starts a server, mariadb or mysql, with settings such as
// --sync-binlog=0 beside those that make it durable. It takes some seconds.
func StartMySQL(tb testing.TB, server string, settings ...string) *MySQL {
	tb.Helper()
	packages := mySQLPackages[server]
	m := &MySQL{tb: tb, root: filepath.Join(serversDir(tb), packages.release), program: packages.program}
	if _, err := os.Stat(m.root + "/usr/sbin/" + m.program); err != nil {
		if skip := "SKIP_" + strings.ToUpper(server); os.Getenv(skip) != "" {
			tb.Skipf("%s is set", skip)
		}
		tb.Fatalf("%v: scripts/servers.sh install %s brings it", err, server)
	}
	dir, err := os.MkdirTemp("", "millrace") // a short name, because the path of a socket may not be long
	if err != nil {
		tb.Fatal(err)
	}
	m.dir = dir
	tb.Cleanup(func() {
		m.Kill()
		os.RemoveAll(dir)
	})
	port := freePort(tb)
	m.Address = fmt.Sprintf("mysql://millrace:millrace@127.0.0.1:%d/millrace_test", port)
	m.args = append([]string{
		fmt.Sprintf("--port=%d", port), "--bind-address=127.0.0.1", "--skip-name-resolve",
		"--socket=" + dir + "/socket", "--pid-file=" + dir + "/pid", "--init-file=" + dir + "/setup.sql",
		"--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1", "--log-bin=binlog", "--server-id=1",
	}, settings...)
	if server == "mysql" {
		m.args = append(m.args, "--mysqlx=OFF", "--secure-file-priv=NULL")
	}
	m.write("setup.sql", `CREATE USER IF NOT EXISTS 'millrace'@'%' IDENTIFIED BY 'millrace';
GRANT ALL ON *.* TO 'millrace'@'%' WITH GRANT OPTION;
CREATE DATABASE IF NOT EXISTS millrace_test;
`)
	m.initialize(server)
	m.Start()
	return m
}

// serversDir is where scripts/servers.sh keeps its packages.
func serversDir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("MILLRACE_SERVERS_DIR"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(dir, "millrace", "servers")
}

// freePort returns a port below those that outgoing connections take, so that none
// of them is in the way when a server is started again, and between those that
// reservePort gives to a RabbitMQ.
func freePort(tb testing.TB) int {
	tb.Helper()
	for range 100 {
		port := 22100 + rand.IntN(3500)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	tb.Fatal("found no free port")
	return 0
}

func (m *MySQL) write(name, text string) {
	m.tb.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o644); err != nil {
		m.tb.Fatal(err)
	}
}

// initialize makes the data folder.
func (m *MySQL) initialize(server string) {
	m.tb.Helper()
	for _, folder := range []string{"/data", "/tmp"} {
		if err := os.Mkdir(m.dir+folder, 0o755); err != nil {
			m.tb.Fatal(err)
		}
	}
	c := m.command("--initialize-insecure", "--secure-file-priv=NULL")
	if server == "mariadb" {
		c = m.command("--bootstrap")
		c.Stdin = strings.NewReader("CREATE DATABASE mysql;\nUSE mysql;\n" + m.systemTables())
	}
	if out, err := c.CombinedOutput(); err != nil {
		m.tb.Fatalf("initialize %s: %v\n%s", server, err, out)
	}
}

// systemTables returns the statements that make MariaDB's own tables.
func (m *MySQL) systemTables() string {
	m.tb.Helper()
	var all strings.Builder
	for _, name := range []string{"mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data"} {
		text, err := os.ReadFile(m.root + "/usr/share/mysql/" + name + ".sql")
		if err != nil {
			m.tb.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// command makes a command of the server's program. It is run by the linker of the
// release that it comes from, so that it need be neither that of this machine nor
// run by root in a root of its own.
func (m *MySQL) command(args ...string) *exec.Cmd {
	m.tb.Helper()
	linkers, _ := filepath.Glob(m.root + "/lib*/ld-linux-*.so.*") // fails for bad patterns only
	libraries, _ := filepath.Glob(m.root + "/usr/lib/*-linux-gnu")
	if len(linkers) == 0 || len(libraries) == 0 {
		m.tb.Fatalf("%s has no linker or no libraries", m.root)
	}
	all := []string{
		"--library-path", libraries[0], m.root + "/usr/sbin/" + m.program, "--no-defaults", "--datadir=" + m.dir + "/data",
		"--tmpdir=" + m.dir + "/tmp", "--basedir=" + m.root + "/usr", "--lc-messages-dir=" + m.root + "/usr/share/mysql",
	}
	if os.Getuid() == 0 {
		all = append(all, "--user=root")
	}
	c := exec.Command(linkers[0], append(all, args...)...)
	c.SysProcAttr = endsWithTest()
	return c
}

// Start starts a server that was killed, and waits until it answers.
func (m *MySQL) Start() {
	m.tb.Helper()
	log, err := os.OpenFile(m.dir+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		m.tb.Fatal(err)
	}
	defer log.Close()
	c := m.command(m.args...)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		m.tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait() // it is killed in the end, which is not an error here
	}()
	m.running, m.ended = c, ended
	m.wait()
}

func (m *MySQL) wait() {
	m.tb.Helper()
	db := Connect(m.tb, m.Address)
	enough := time.After(time.Minute)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if answers(db) {
			return
		}
		select {
		case <-m.ended:
			m.tb.Fatalf("%s ends at once; its log:\n%s", m.program, m.log())
		case <-enough:
			m.tb.Fatalf("%s does not answer; its log:\n%s", m.program, m.log())
		case <-again.C:
		}
	}
}

func answers(db *sql.DB) bool {
	var one int
	return db.QueryRow("SELECT 1").Scan(&one) == nil
}

// log is the end of what the server has written.
func (m *MySQL) log() string {
	text, err := os.ReadFile(m.dir + "/log")
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(text, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-30):], []byte("\n")))
}

// Kill ends the server as a crash does, and returns when it is gone.
func (m *MySQL) Kill() {
	if m.running == nil {
		return
	}
	_ = m.running.Process.Kill() // has ended by itself otherwise
	<-m.ended
	m.running = nil
}

// Stop makes the server stand still: it neither answers nor closes connections.
func (m *MySQL) Stop() {
	m.tb.Helper()
	halt(m.tb, m.running.Process)
}

// Continue lets a server go on that was stopped.
func (m *MySQL) Continue() {
	m.tb.Helper()
	resume(m.tb, m.running.Process)
}
