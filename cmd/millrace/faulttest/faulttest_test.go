// Package faulttest breaks what the service runs on, and looks at what is left. It
// builds the real binary and runs it as processes split by roles, with a RabbitMQ and
// a MariaDB or MySQL of their own. While customers order, it kills, stops, wipes and
// starts servers and processes again. Then it holds the database against what the
// customers were told (see audit_test.go), and prints a table with a line for each
// scenario. MILLRACE_FAULTS=full runs all of them; without it, those that tell most.
package faulttest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// binary is the service under test.
var binary string

// full tells whether to run all scenarios at their full length.
var full = os.Getenv("MILLRACE_FAULTS") == "full"

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faulttest:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "millrace-faulttest-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := readSources(filepath.Join("..", "..", "..")); err != nil {
		return 0, err
	}
	binary = filepath.Join(dir, "millrace")
	build := exec.Command("go", "build", "-o", binary, "github.com/millrace/millrace/cmd/millrace")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the service: %w\n%s", err, out)
	}
	code = m.Run()
	printTable(os.Stdout)
	return code, nil
}

// readSources reads the code of the service. This is how go test learns that a
// result from its cache is no good any more when the service changes, which it does
// not link but runs.
func readSources(root string) error {
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		switch filepath.Ext(path) {
		case ".go", ".sql", ".mod", ".sum", ".yaml":
			if err == nil {
				_, err = os.ReadFile(path)
			}
		}
		return err
	})
}

// atLength picks a measure by how long the tests may take.
func atLength[T any](short, long T) T {
	if full {
		return long
	}
	return short
}

// onlyInFull skips a scenario that is not among those that tell most.
func onlyInFull(t *testing.T) {
	t.Helper()
	if !full {
		t.Skip("it runs with MILLRACE_FAULTS=full, as in make faults")
	}
}

// eventually waits until a condition gives no error.
func eventually(within time.Duration, condition func() error) error {
	enough := time.After(within)
	look := time.NewTicker(50 * time.Millisecond)
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
