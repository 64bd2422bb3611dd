// Package crashtest kills the service and looks at what is left. It builds the
// real binary with the build tag crashpoints, runs it on a SQLite file under
// load, kills it at a named point or at any time, starts it again, and holds the
// file against what the service has promised (see promises_test.go) and against
// what its customers were told (see ledger_test.go).
package crashtest

import (
	"flag"
	"os"
	"testing"

	"github.com/millrace/millrace/internal/fleet"
)

var kills = flag.Int("kills", 200, "how often the service is killed at random times")

// binary is the service under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(fleet.Main(m, "crashpoints", &binary))
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
