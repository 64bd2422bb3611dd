package main

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/servertest"
)

// growing is a store whose view gets one order more each second, up to a number.
type growing struct {
	store
	since time.Time
	most  int
}

func (g growing) orders(context.Context, string) (int, error) {
	return min(int(time.Since(g.since)/time.Second), g.most), nil
}

func TestVisibleWaitsForTheLastOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		last, err := visible(t.Context(), growing{since: begin, most: 90}, "submitted", 60)
		if took := last.Sub(begin); err != nil || took < time.Minute || took > time.Minute+10*time.Millisecond {
			t.Errorf("the 60th order was seen after %v (%v), want a minute", took, err)
		}
	})
}

func TestVisibleGivesUpWhenTheViewStandsStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := visible(t.Context(), growing{since: begin, most: 5}, "submitted", 6)
		if err == nil || !strings.Contains(err.Error(), "stands still at 5 of 6") {
			t.Errorf("the error is %v", err)
		}
		if took := time.Since(begin); took < 5*time.Second+patience || took > 6*time.Second+patience {
			t.Errorf("it gave up after %v", took)
		}
	})
}

// build makes a program of this module.
func build(t *testing.T, folder string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-o", file, folder).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	return file
}

// table returns the cells of the row that begins with a word, below a heading that
// begins with another.
func table(t *testing.T, report, heading, row string) []string {
	t.Helper()
	_, below, found := strings.Cut(report, "\n| "+heading)
	m := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(row) + ` \|(.*)\|$`).FindStringSubmatch(below)
	if !found || m == nil {
		t.Fatalf("no row %q below %q in\n%s", row, heading, report)
	}
	return strings.Split(m[1], "|")
}

func number(t *testing.T, cell string) float64 {
	t.Helper()
	word, _, _ := strings.Cut(strings.TrimSpace(cell), " ")
	n, err := strconv.ParseFloat(word, 64)
	if err != nil {
		t.Fatalf("%q does not begin with a number", cell)
	}
	return n
}

func TestSQLiteInMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // stores are made there
	profiles := t.TempDir()
	var out bytes.Buffer
	b, err := newBench(&out, options{
		binary: build(t, "../millrace"), store: "sqlite", broker: "memory:", clients: "1,4", duration: 400 * time.Millisecond, orders: 50, profiles: profiles,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if done, err := b.ours(t.Context(), true); err != nil || done.submitted <= 0 || done.created <= done.submitted {
		t.Errorf("the side of the comparison that is ours is %+v (%v)", done, err)
	}
	if _, err := b.theirs(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot work with sqlite:") {
		t.Errorf("the textbook on SQLite ends with %v", err)
	}
	report := out.String()
	if !strings.HasPrefix(report, "## SQLite 3.") || !strings.Contains(report, "synchronous FULL; memory:\n") {
		t.Errorf("the report does not say what it is about:\n%s", report)
	}
	for _, clients := range []string{"1", "4"} {
		cells := table(t, report, "clients", clients)
		commands, orders, one := number(t, cells[0]), number(t, cells[1]), number(t, cells[7])
		if commands <= 0 || one <= 0 || orders <= 0 || orders > commands/2+1 {
			t.Errorf("%s clients: %v commands and %v orders a second beside %v raw", clients, commands, orders, one)
		}
		if strings.TrimSpace(cells[9]) != "" {
			t.Errorf("there are confirmed publishes without a broker: %q", cells[9])
		}
	}
	commands := number(t, table(t, report, "clients", "4")[0])
	_, open, _ := strings.Cut(report, "| open loop")
	m := regexp.MustCompile(`(?m)^\| (\d+) \| \d+ \|`).FindStringSubmatch(open)
	if m == nil || math.Abs(number(t, m[1])-commands/2) > 1 {
		t.Errorf("the open loop is not at half of %v a second:\n%s", commands, report)
	}
	checkouts := table(t, report, "checkouts, clients", "4")
	if most, due := number(t, checkouts[0]), number(t, checkouts[2]); most <= 0 || math.Abs(due-most/2) > 1 || number(t, checkouts[3]) <= 0 {
		t.Errorf("the checkouts are %v:\n%s", checkouts, report)
	}
	if info, err := os.Stat(filepath.Join(profiles, "sqlite-memory-4-clients.pprof")); err != nil || info.Size() == 0 {
		t.Errorf("the profile is missing: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "millrace-bench-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestTextbookOnMariaDBAndRabbitMQ(t *testing.T) {
	t.Parallel()
	store, broker := servertest.Address(t, "mariadb"), servertest.Address(t, "rabbitmq")
	var out bytes.Buffer
	b, err := newBench(&out, options{
		textbook: build(t, "./textbook"), store: store, broker: broker, clients: "8", duration: time.Second, orders: 50,
	})
	if err == nil {
		err = b.run(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	cells := table(t, out.String(), "50 orders, 8 clients", "textbook, answered when taken")
	if created, submitted := number(t, cells[0]), number(t, cells[1]); submitted <= 0 || created <= submitted {
		t.Errorf("%v orders a second were created, and %v submitted", created, submitted)
	}
}

func TestServersAreLeftAsTheyWere(t *testing.T) {
	t.Parallel()
	db := servertest.Connect(t, servertest.Address(t, "mariadb"))
	st, err := newMySQL(t.Context(), servertest.Address(t, "mariadb"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := newRabbitMQ(t.Context(), servertest.Address(t, "rabbitmq"), servertest.Management(t, "rabbitmq"))
	if err != nil {
		t.Fatal(err)
	}
	database, host := st.(*mysqlStore), made.(*rabbitMQ)
	one, batched, err := st.raw(t.Context(), 2, 50*time.Millisecond)
	if err != nil || one <= 0 || batched <= one {
		t.Errorf("%v rows a second one by one and %v batched (%v)", one, batched, err)
	}
	if confirmed, err := made.raw(t.Context(), 8, 50*time.Millisecond); err != nil || confirmed <= 0 {
		t.Errorf("%v confirmed publishes a second (%v)", confirmed, err)
	}
	if err := st.close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := made.close(t.Context()); err != nil {
		t.Error(err)
	}
	var left int
	if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?", database.name).Scan(&left); err != nil || left > 0 {
		t.Errorf("the database is still there (%v)", err)
	}
	if err := host.manage(t.Context(), http.MethodGet, "/api/vhosts/"+host.name, ""); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the virtual host is still there: %v", err)
	}
}
