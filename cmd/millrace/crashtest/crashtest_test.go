// Package crashtest kills the service and looks at what is left. It builds the
// real binary with the build tag crashpoints, runs it on a SQLite file under
// load, kills it at a named point or at any time, starts it again, and holds the
// file against what the service has promised (see promises_test.go) and against
// what its customers were told (see ledger_test.go).
package crashtest

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var kills = flag.Int("kills", 200, "how often the service is killed at random times")

// binary is the service under test, and sources is what it is made of, by path.
var (
	binary  string
	sources map[string]string
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "crashtest:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "millrace-crashtest-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if sources, err = readSources(filepath.Join("..", "..", "..")); err != nil {
		return 0, err
	}
	binary = filepath.Join(dir, "millrace")
	build := exec.Command("go", "build", "-tags", "crashpoints", "-o", binary, "github.com/millrace/millrace/cmd/millrace")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the service: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// readSources reads the code of the service. Besides its being looked at, this
// is how go test learns that a result from its cache is no good any more when
// the service changes, which it does not link but runs.
func readSources(root string) (map[string]string, error) {
	sources := map[string]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		kind := filepath.Ext(path)
		if err != nil || (kind != ".go" && kind != ".sql" && kind != ".mod" && kind != ".sum" && kind != ".yaml") {
			return err
		}
		text, err := os.ReadFile(path)
		sources[path] = string(text)
		return err
	})
	return sources, err
}

// eventually waits until a condition gives no error.
func eventually(within time.Duration, condition func() error) error {
	enough := time.After(within)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-enough:
			return fmt.Errorf("not within %v: %w", within, err)
		}
	}
}

// report fails a test for each broken promise, the first few in full.
func report(t *testing.T, where string, broken []string) {
	t.Helper()
	const most = 20
	for _, b := range broken[:min(most, len(broken))] {
		t.Errorf("%s: %s", where, b)
	}
	if more := len(broken) - most; more > 0 {
		t.Errorf("%s: and %d more", where, more)
	}
}
