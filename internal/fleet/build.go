package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

const service = "github.com/millrace/millrace/cmd/millrace"

// Main builds the service with some build tags, says where it is, runs the tests, and
// returns the exit code.
func Main(m *testing.M, tags string, binary *string) int {
	code, err := buildAndRun(m, tags, binary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "run the tests of the binary:", err)
		return 1
	}
	return code
}

func buildAndRun(m *testing.M, tags string, binary *string) (code int, err error) {
	dir, err := os.MkdirTemp("", "millrace-fleet-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	*binary = filepath.Join(dir, "millrace")
	build := exec.Command("go", "build", "-tags", tags, "-o", *binary, service)
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the service: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// Sources returns the code of the service, by path.
func Sources(tb testing.TB) map[string]string {
	tb.Helper()
	all, err := sources()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// sources reads the code of the service, when the first test runs it. This is how go
// test learns that a result from its cache is no good any more when the service
// changes, which the tests do not link but run. It takes no notice of what is read
// before there is a test.
var sources = sync.OnceValues(func() (map[string]string, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, part := range []string{"adapters", "api", "app", "cmd", "domain", "internal", "ports", "go.mod", "go.sum"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, _ fs.DirEntry, err error) error {
			kind := filepath.Ext(path)
			if err != nil || (kind != ".go" && kind != ".sql" && kind != ".mod" && kind != ".sum" && kind != ".yaml") {
				return err
			}
			text, err := os.ReadFile(path)
			all[path] = string(text)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
})

// moduleRoot returns the folder of go.mod. Tests run in the folder of their package.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
	}
	return "", errors.New("there is no go.mod above the test")
}
