package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run runs millrace as a process of its own, in an empty folder.
func run(t *testing.T, environment []string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	cmd := prepare(t, environment, args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

func prepare(t *testing.T, environment []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir, cmd.WaitDelay = t.TempDir(), patience
	cmd.Env = append([]string{asMillrace + "=yes"}, environment...)
	return cmd
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = occupied.Close() }) // nobody has called
	junk := filepath.Join(t.TempDir(), "junk.db")
	if err := os.WriteFile(junk, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	free := []string{"MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_ADMIN_ADDR=127.0.0.1:0"}

	for _, test := range []struct {
		name    string
		setting string
		want    string
	}{
		{"a store of no kind", "MILLRACE_STORE=postgres://localhost", "MILLRACE_STORE"},
		{"a store without a path", "MILLRACE_STORE=sqlite:", "MILLRACE_STORE"},
		{"no store", "MILLRACE_STORE=", "MILLRACE_STORE"},
		{"a store in a folder that is not there", "MILLRACE_STORE=sqlite:/nonexistent/x/millrace.db", "MILLRACE_STORE"},
		{"a store that is a folder", "MILLRACE_STORE=sqlite:/tmp", "MILLRACE_STORE"},
		{"a store that is no database", "MILLRACE_STORE=sqlite:" + junk, "MILLRACE_STORE"},
		{"a broker that does not exist", "MILLRACE_BROKER=carrier-pigeon://localhost", "MILLRACE_BROKER"},
		{"a port that is in use", "MILLRACE_HTTP_ADDR=" + occupied.Addr().String(), "MILLRACE_HTTP_ADDR"},
		{"an admin port that is in use", "MILLRACE_ADMIN_ADDR=" + occupied.Addr().String(), "MILLRACE_ADMIN_ADDR"},
		{"an address without a port", "MILLRACE_HTTP_ADDR=localhost", "MILLRACE_HTTP_ADDR"},
		{"an address with half a port", "MILLRACE_HTTP_ADDR=localhost:", "MILLRACE_HTTP_ADDR"},
		{"a port that is too large", "MILLRACE_ADMIN_ADDR=127.0.0.1:65536", "MILLRACE_ADMIN_ADDR"},
		{"a host that does not exist", "MILLRACE_HTTP_ADDR=256.256.256.256:1", "MILLRACE_HTTP_ADDR"},
		{"no concurrency", "MILLRACE_CONCURRENCY=0", "MILLRACE_CONCURRENCY"},
		{"a word for a number", "MILLRACE_CONCURRENCY=many", "MILLRACE_CONCURRENCY"},
		{"a number that is too large", "MILLRACE_RETRIES=9223372036854775808", "MILLRACE_RETRIES"},
		{"less than no retries", "MILLRACE_RETRIES=-1", "MILLRACE_RETRIES"},
		{"no writes", "MILLRACE_MAX_WRITES=0", "MILLRACE_MAX_WRITES"},
		{"a duration without a unit", "MILLRACE_BACKOFF=100", "MILLRACE_BACKOFF"},
		{"no time for the views", "MILLRACE_VIEW_TIMEOUT=0s", "MILLRACE_VIEW_TIMEOUT"},
		{"a heartbeat in the past", "MILLRACE_HEARTBEAT=-1s", "MILLRACE_HEARTBEAT"},
		{"a payment that takes no time", "MILLRACE_SLOW_PAYMENT=0", "MILLRACE_SLOW_PAYMENT"},
		{"a product without an id", "MILLRACE_SOLD_OUT=p-1,,p-2", "MILLRACE_SOLD_OUT"},
		{"a log level of one's own", "MILLRACE_LOG_LEVEL=loud", "MILLRACE_LOG_LEVEL"},
		{"a log format of one's own", "MILLRACE_LOG_FORMAT=xml", "MILLRACE_LOG_FORMAT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, exit := run(t, append(free, test.setting), "serve")
			wantComplaint(t, stdout, stderr, exit, test.want)
		})
	}

	for name, args := range map[string][]string{
		"an unknown flag": {"serve", "--nonsense"}, "an unknown command": {"nonsense"},
		"an argument too many": {"serve", "nonsense"}, "a flag without its value": {"serve", "--store"},
		"a flag with a bad number": {"serve", "--retries=nonsense"}, "a flag with a bad choice": {"serve", "--log-level=nonsense"},
		"a flag that migrate does not have": {"migrate", "--heartbeat=1s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, exit := run(t, free, args...)
			want := "nonsense"
			switch name {
			case "a flag without its value":
				want = "--store"
			case "a flag that migrate does not have":
				want = "--heartbeat"
			case "a flag with a bad choice":
				want = "MILLRACE_LOG_LEVEL"
			}
			wantComplaint(t, stdout, stderr, exit, want)
		})
	}

	t.Run("a flag of another type is named with its variable", func(t *testing.T) {
		t.Parallel()
		stdout, stderr, exit := run(t, nil, "serve", "--concurrency", "many")
		wantComplaint(t, stdout, stderr, exit, "MILLRACE_CONCURRENCY")
	})

	t.Run("two at once are both named", func(t *testing.T) {
		t.Parallel()
		_, stderr, exit := run(t, []string{"MILLRACE_RETRIES=-1", "MILLRACE_BROKER=pigeon"}, "serve")
		if exit != 1 || len(lines(stderr)) != 1 || !strings.Contains(stderr, "MILLRACE_RETRIES") || !strings.Contains(stderr, "MILLRACE_BROKER") {
			t.Errorf("exit code %d and %q, want 1 and one line that names both", exit, stderr)
		}
	})
}

// wantComplaint fails the test unless a process ended with one line that says
// what is wrong with which setting.
func wantComplaint(t *testing.T, stdout, stderr string, exit int, setting string) {
	t.Helper()
	if exit != 1 || stdout != "" {
		t.Errorf("exit code %d and %q on standard output, want 1 and nothing", exit, stdout)
	}
	if len(lines(stderr)) != 1 || !strings.HasPrefix(stderr, "millrace: ") || !strings.Contains(stderr, setting) {
		t.Errorf("standard error is %q, want one line that names %s", stderr, setting)
	}
}

// A setting that is misspelt stays at its default, which may mean another store.
func TestServiceSaysWhichVariablesAreNoSettings(t *testing.T) {
	t.Parallel()
	environment := []string{"MILLRACE_STROE=sqlite:orders.db", "MILLRACE_store=x", "MILLRACE_LEDGER=ledger.db", "MILL=x", "MILLRACE_HTTP_ADDR=127.0.0.1:99999"}
	_, stderr, _ := run(t, environment, "serve")
	if !strings.Contains(stderr, "level=WARN") || !strings.Contains(stderr, "[MILLRACE_STROE MILLRACE_store]") {
		t.Errorf("standard error is %q, want a warning about the two that are none", stderr)
	}
	if _, stderr, _ = run(t, environment[2:], "serve"); strings.Contains(stderr, "WARN") {
		t.Errorf("standard error is %q, want no warning", stderr)
	}
}

func TestConfigShowsEverySetting(t *testing.T) {
	t.Parallel()
	environment := []string{"MILLRACE_RETRIES=3", "MILLRACE_BACKOFF=2s", "MILLRACE_LOG_FORMAT=json", "MILLRACE_GATEWAY_ADDR=payments.example:8090"}
	stdout, stderr, exit := run(t, environment, "config", "--backoff=7s", "--heartbeat", "1m")
	if exit != 0 || stderr != "" {
		t.Fatalf("exit code %d and %q", exit, stderr)
	}
	shown, before := map[string][2]string{}, ""
	for _, line := range lines(stdout) {
		setting, comment, _ := strings.Cut(line, "# ")
		origin, usage, _ := strings.Cut(comment, "; ")
		name, value, _ := strings.Cut(setting, " ")
		if value = strings.TrimSpace(value); usage == "" || value == "" && name != "MILLRACE_SOLD_OUT" || strings.Contains(value, " ") {
			t.Fatalf("config says %q, want a variable, its value and what it is", line)
		}
		if len(setting) != len(before) && before != "" {
			t.Errorf("config says %q, which does not line up with %q", setting, before)
		}
		before, shown[name] = setting, [2]string{value, origin}
	}
	for variable, want := range map[string][2]string{
		"MILLRACE_HTTP_ADDR":    {"127.0.0.1:8080", "default"},
		"MILLRACE_ADMIN_ADDR":   {"127.0.0.1:8081", "default"},
		"MILLRACE_STORE":        {"sqlite:millrace.db", "default"},
		"MILLRACE_BROKER":       {"memory:", "default"},
		"MILLRACE_CONCURRENCY":  {"64", "default"},
		"MILLRACE_MAX_WRITES":   {"4096", "default"},
		"MILLRACE_RETRIES":      {"3", "environment"},
		"MILLRACE_BACKOFF":      {"7s", "--backoff"},
		"MILLRACE_VIEW_TIMEOUT": {"5s", "default"},
		"MILLRACE_HEARTBEAT":    {"1m0s", "--heartbeat"},
		"MILLRACE_SLOW_PAYMENT": {"2s", "default"},
		"MILLRACE_LOG_LEVEL":    {"info", "default"},
		"MILLRACE_LOG_FORMAT":   {"json", "environment"},
		"MILLRACE_SOLD_OUT":     {"", "default"},
	} {
		if shown[variable] != want {
			t.Errorf("%s is shown as %v, want %v", variable, shown[variable], want)
		}
	}
}

func TestConfigShowsListsAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	stdout, _, _ := run(t, []string{`MILLRACE_SOLD_OUT=p-1,"a,b"`}, "config")
	if !strings.Contains(stdout, ` p-1,"a,b" `) {
		t.Errorf("config says\n%s\nwithout p-1 and a,b as they were set", stdout)
	}
}

func TestProcessServesUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			cmd := prepare(t, []string{"MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_ADMIN_ADDR=127.0.0.1:0"}, "serve")
			welcomed := make(chan struct{})
			cmd.Stdout = &signalWriter{text: "Ctrl-C stops it.", seen: welcomed}
			var complaints bytes.Buffer
			cmd.Stderr = &complaints
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-welcomed:
			case <-time.After(patience):
				t.Error("no welcome")
			}
			if err := errors.Join(cmd.Process.Signal(signal), cmd.Wait()); err != nil {
				t.Errorf("%v, and %s", err, complaints.String())
			}
			if _, err := os.Stat(filepath.Join(cmd.Dir, "millrace.db")); err != nil {
				t.Errorf("the store is not where the default says: %v", err)
			}
		})
	}
}

// signalWriter tells when a text was written to it.
type signalWriter struct {
	text    string
	seen    chan struct{}
	written []byte
}

func (w *signalWriter) Write(p []byte) (int, error) {
	before := bytes.Contains(w.written, []byte(w.text))
	w.written = append(w.written, p...)
	if !before && bytes.Contains(w.written, []byte(w.text)) {
		close(w.seen)
	}
	return len(p), nil
}

func TestMigrateAndVersion(t *testing.T) {
	t.Parallel()
	stdout, stderr, exit := run(t, nil, "migrate")
	if exit != 0 || !strings.HasPrefix(stdout, "sqlite:millrace.db is at schema version ") || stderr != "" {
		t.Errorf("migrate: exit code %d, %q and %q", exit, stdout, stderr)
	}
	stdout, stderr, exit = run(t, nil, "version")
	if exit != 0 || !strings.HasPrefix(stdout, "millrace ") || stderr != "" {
		t.Errorf("version: exit code %d, %q and %q", exit, stdout, stderr)
	}
}
