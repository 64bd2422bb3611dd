package crashtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

// points are the crash points in the code, in the order in which a command
// passes them.
var points = []string{
	"journal.before", "journal.after", "publish.before", "publish.after",
	"append.before", "append.after", "finish.before", "finish.after", "ack.before",
	"relay.publish.before", "relay.publish.after", "feed.before", "feed.after",
	"view.before", "view.after", "process.before", "process.after",
	"gateway.before", "gateway.after", "ledger.before", "ledger.after",
	"commit.before", "commit.after",
}

// elsewhere are points that are passed only where stores are apart, as in sagatest.
var elsewhere = []string{"import.before", "import.after"}

// passes are how often a point is passed before the service dies there, life
// after life.
var passes = []struct {
	name  string
	lives []string
}{
	{"first pass", []string{"1"}},
	{"second pass", []string{"2"}},
	{"seventh pass", []string{"7"}},
	{"first pass of three lives", []string{"1", "1", "1"}},
}

func TestNothingIsLostOrDoubledWhereverItDies(t *testing.T) {
	t.Parallel()
	for _, point := range points {
		for _, pass := range passes {
			t.Run(point+"/"+pass.name, func(t *testing.T) {
				t.Parallel()
				s := newService(t)
				c := newCustomers(t, s, 4, 2*len(stories), stories)
				for _, n := range pass.lives {
					l := s.start(point + ":" + n)
					select {
					case <-l.Gone:
					case <-time.After(patience):
						t.Fatalf("life %d never came to %s for time %s", l.number, point, n)
					}
					if !l.Killed() {
						t.Fatalf("life %d ended with %v, want it killed", l.number, l.Err())
					}
				}
				l := s.start("")
				l.AwaitReady(t)
				c.settle(l, 1, 20)
			})
		}
	}
}

// Under load the next event of an order covers up that the one before was lost on
// its way. Here is only one order, and it dies at every pass of a point that
// there is.
func TestNothingIsLostOrDoubledWhenThereIsNothingElseToDo(t *testing.T) {
	t.Parallel()
	alone := []story{{"pays slowly", []step{submitPaying("tok_slow"), submit()}}}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				s := newService(t)
				c := newCustomers(t, s, 1, 1, alone)
				l := s.start(fmt.Sprintf("%s:%d", point, n))
				died := c.untilRest(l)
				if !died {
					l.Kill() // it may come to the point later, when it looks around
				}
				l = s.start("")
				l.AwaitReady(t)
				c.settle(l, 1, 1)
				if !died && n == 1 {
					t.Errorf("the service never came to %s", point)
				}
				if !died || t.Failed() {
					t.Logf("the service came to %s %d times", point, n-1)
					return
				}
			}
		})
	}
}

func TestEveryCrashPointIsTried(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`crash\.Point\("([^"]+)"`)
	var found []string
	for path, text := range fleet.Sources(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			found = append(found, match[1])
		}
	}
	slices.Sort(found)
	want := slices.Concat(points, elsewhere)
	slices.Sort(want)
	if found = slices.Compact(found); !slices.Equal(found, want) {
		t.Errorf("the code has the crash points\n%v\nand tried are\n%v", found, want)
	}
}
