package deploy

import (
	"cmp"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/millrace/millrace/internal/servertest"
)

// users are the owner and the service on a database of a test's own.
type users struct {
	address            *url.URL
	admin              *sql.DB
	owner, service     string
	ownerPW, servicePW string
}

// newUsers names two users that are not there yet, and sees that they are gone
// after the test. Their passwords hold what means something in SQL.
func newUsers(t *testing.T, server string) *users {
	t.Helper()
	address, err := url.Parse(servertest.Database(t, server))
	if err != nil {
		t.Fatal(err)
	}
	unique := strings.ToLower(rand.Text()[:12])
	u := &users{
		address: address, admin: servertest.Connect(t, address.String()),
		owner: "owner_" + unique, service: "service_" + unique, ownerPW: `o'w\n"er;`, servicePW: `$(s)'' \' --`,
	}
	t.Cleanup(func() {
		if _, err := u.admin.Exec("DROP USER IF EXISTS " + u.owner + ", " + u.service); err != nil {
			t.Error(err)
		}
	})
	return u
}

// make runs the script as the administrator does.
func (u *users) make(t *testing.T) {
	t.Helper()
	script := exec.CommandContext(t.Context(), "mysql/users.sh")
	script.Env = append(os.Environ(), "DATABASE="+strings.TrimPrefix(u.address.Path, "/"),
		"OWNER="+u.owner, "OWNER_PASSWORD="+u.ownerPW, "SERVICE="+u.service, "SERVICE_PASSWORD="+u.servicePW)
	var complaints strings.Builder
	script.Stderr = &complaints
	statements, err := script.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	for line := range strings.Lines(string(statements)) {
		if _, err := u.admin.Exec(line); err != nil {
			t.Fatalf("%s: %v", strings.TrimSpace(line), err)
		}
	}
}

// as connects as one of the users.
func (u *users) as(t *testing.T, user, password string) *sql.DB {
	t.Helper()
	address := *u.address
	address.User = url.UserPassword(user, password)
	return servertest.Connect(t, address.String())
}

var created = regexp.MustCompile(`(?m)^CREATE (?:VIRTUAL )?TABLE (\w+)`)

// tables returns those of every schema there is, whatever the database.
func tables(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../adapters/sqlstore/migrations/*/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	names := []string{"goose_db_version"} // where the migrations keep their version
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, groups := range created.FindAllStringSubmatch(string(text), -1) {
			names = append(names, groups[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// rights are what the service may do with a table, where that is not everything
// that can be done with rows.
var rights = map[string]string{
	"events": "SELECT INSERT", "store": "SELECT INSERT",
	"commands":         "SELECT INSERT DELETE",
	"outcomes":         "SELECT INSERT DELETE",
	"goose_db_version": "SELECT",
}

func TestServiceUserMayNotChangeWhatHasHappened(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"mysql", "mariadb"} {
		for _, schema := range []string{"is not there yet", "is there"} {
			t.Run(server+", when the schema "+schema, func(t *testing.T) {
				t.Parallel()
				u := newUsers(t, server)
				migrate := func(db *sql.DB) {
					for _, table := range tables(t) {
						wantAllowed(t, db, "CREATE TABLE "+table+" (id INT PRIMARY KEY, n INT)")
					}
				}
				if schema == "is there" {
					migrate(u.admin)
				}
				u.make(t)
				if schema != "is there" {
					migrate(u.as(t, u.owner, u.ownerPW))
				}
				service := u.as(t, u.service, u.servicePW)
				for _, table := range tables(t) {
					wantRights(t, service, table, cmp.Or(rights[table], "SELECT INSERT UPDATE DELETE"))
				}
				wantRefused(t, service, "CREATE TABLE of_my_own (n INT)")
				wantRefused(t, service, "SELECT * FROM mysql.user")
			})
		}
	}
}

// wantRights tries everything on a table, for a user who may do these things with
// it and no others.
func wantRights(t *testing.T, db *sql.DB, table, allowed string) {
	t.Helper()
	for _, try := range []struct{ statement, needs string }{
		{"INSERT INTO " + table + " VALUES (1, 1), (2, 2)", "INSERT"},
		{"SELECT * FROM " + table, "SELECT"},
		{"UPDATE " + table + " SET n = 3", "UPDATE"},
		{"INSERT INTO " + table + " VALUES (1, 4) ON DUPLICATE KEY UPDATE n = 4", "UPDATE"},
		{"REPLACE INTO " + table + " VALUES (1, 5)", "DELETE"},
		{"DELETE FROM " + table, "DELETE"},
		{"ALTER TABLE " + table + " ADD COLUMN more INT", "ALTER"},
		{"CREATE INDEX faster ON " + table + " (n)", "INDEX"},
		{"RENAME TABLE " + table + " TO away", "ALTER"},
		{"TRUNCATE TABLE " + table, "DROP"},
		{"DROP TABLE " + table, "DROP"},
		{"CREATE TABLE " + table + " (n INT)", "CREATE"},
		{"GRANT SELECT ON " + table + " TO CURRENT_USER()", "GRANT OPTION"},
	} {
		if slices.Contains(strings.Fields(allowed), try.needs) {
			wantAllowed(t, db, try.statement)
		} else {
			wantRefused(t, db, try.statement)
		}
	}
}

func wantAllowed(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

// denied are the numbers of the errors that say that a user may not: for a table,
// and for what is wider than a table.
var denied = []uint16{1142, 1044, 1045, 1227}

func wantRefused(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.Exec(statement)
	if refusal, ok := errors.AsType[*mysql.MySQLError](err); !ok || !slices.Contains(denied, refusal.Number) {
		t.Errorf("%s: %v, want it refused", statement, err)
	}
}

func TestUsersAreMadeAgainWithOtherPasswords(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"mysql", "mariadb"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			u := newUsers(t, server)
			u.make(t)
			before := u.servicePW
			u.servicePW = "another"
			u.make(t)
			wantAllowed(t, u.as(t, u.service, u.servicePW), "SELECT 1")
			wantRefused(t, u.as(t, u.service, before), "SELECT 1")
		})
	}
}

func TestUsersAskForPasswordsAndPlainNames(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environment []string
		want        string
	}{
		"no password of the owner":   {[]string{"SERVICE_PASSWORD=s"}, "OWNER_PASSWORD"},
		"no password of the service": {[]string{"OWNER_PASSWORD=o"}, "SERVICE_PASSWORD"},
		"an empty password":          {[]string{"OWNER_PASSWORD=o", "SERVICE_PASSWORD="}, "SERVICE_PASSWORD"},
		"a quote in a name":          {[]string{"OWNER_PASSWORD=o", "SERVICE_PASSWORD=s", "SERVICE=o'neill"}, "o'neill"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := exec.CommandContext(t.Context(), "mysql/users.sh")
			script.Env = append(test.environment, "PATH="+os.Getenv("PATH"))
			var statements, complaints strings.Builder
			script.Stdout, script.Stderr = &statements, &complaints
			err := script.Run()
			if err == nil || statements.String() != "" || !strings.Contains(complaints.String(), test.want) {
				t.Errorf("%v, %q and %q, want nothing but a complaint that names %s", err, statements.String(), complaints.String(), test.want)
			}
		})
	}
}
