// Package sagatest breaks checkouts at every step and looks where the money is. It
// builds the real binary with the build tag crashpoints and runs it in two ways: as one
// process on the embedded default, and as a process for each participant with a
// database of its own, RabbitMQ and a payment gateway. What can happen to a checkout is
// a table (see paths_test.go), which docs/sagas.md shows; each line of it is played
// through in both. Then customers come in numbers while processes are killed (see
// load_test.go). MILLRACE_FAULTS=full makes that long.
package sagatest

import (
	"os"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

// binary is the service under test.
var binary string

// full tells whether to run at full length.
var full = os.Getenv("MILLRACE_FAULTS") == "full"

// patience is how long anything that is waited for may take. An order may have to wait
// for several processes that others have killed, one after the other.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	code := fleet.Main(m, "crashpoints", &binary)
	printTally(os.Stdout)
	os.Exit(code)
}

// atLength picks a measure by how long the tests may take.
func atLength[T any](short, long T) T {
	if full {
		return long
	}
	return short
}
