// Package examples runs the example scripts against the real binary and holds
// what they print against what is kept beside them.
package examples

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

var update = flag.Bool("update", false, "write what the examples print")

func TestExamplesPrintWhatIsKeptBesideThem(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "millrace")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/millrace/millrace/cmd/millrace").CombinedOutput(); err != nil {
		t.Fatalf("build the service: %v\n%s", err, out)
	}
	for _, name := range []string{"place-and-pay", "declined-payment"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := exec.Command("./with-millrace.sh", "examples/"+name+".sh")
			run.Env = append(os.Environ(), "MILLRACE_BIN="+binary, "MILLRACE_URL=http://127.0.0.1:1") // where nobody answers
			out, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got, file := steady(string(out)), name+".out"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s.sh prints\n%s\nwant\n%s", name, got, want)
			}
		})
	}
}

var (
	ids   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	times = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`)
	ports = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// steady replaces what differs from run to run. An id keeps its number, so that
// it can be followed.
func steady(out string) string {
	seen := map[string]string{}
	out = ids.ReplaceAllStringFunc(out, func(id string) string {
		if seen[id] == "" {
			seen[id] = fmt.Sprintf("<id-%d>", len(seen)+1)
		}
		return seen[id]
	})
	out = times.ReplaceAllString(out, "<time>")
	return ports.ReplaceAllString(out, "127.0.0.1:<port>")
}
