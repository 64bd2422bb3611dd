// Package faulttest breaks what the service runs on, and looks at what is left. It
// builds the real binary and runs it as processes split by roles, with a RabbitMQ and
// a MariaDB or MySQL of their own. While customers order, it kills, stops, wipes and
// starts servers and processes again. Then it holds the database against what the
// customers were told (see audit_test.go), and prints a table with a line for each
// scenario. MILLRACE_FAULTS=full runs all of them; without it, those that tell most.
package faulttest

import (
	"os"
	"testing"

	"github.com/millrace/millrace/internal/fleet"
)

// binary is the service under test.
var binary string

// full tells whether to run all scenarios at their full length.
var full = os.Getenv("MILLRACE_FAULTS") == "full"

func TestMain(m *testing.M) {
	code := fleet.Main(m, "", &binary)
	printTable(os.Stdout)
	os.Exit(code)
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
