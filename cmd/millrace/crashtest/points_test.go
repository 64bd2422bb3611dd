package crashtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// points are the crash points in the code, in the order in which a command
// passes them.
var points = []string{
	"journal.before", "journal.after", "publish.before", "publish.after",
	"append.before", "append.after", "finish.before", "finish.after", "ack.before",
	"relay.publish.before", "relay.publish.after", "feed.before", "feed.after",
	"view.before", "view.after", "process.before", "process.after",
	"commit.before", "commit.after",
}

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
				c := newCustomers(t, s, 4, 2*len(stories))
				for _, n := range pass.lives {
					l := s.start(point + ":" + n)
					select {
					case <-l.gone:
					case <-time.After(patience):
						t.Fatalf("life %d never came to %s for time %s", l.number, point, n)
					}
					if !l.killed() {
						t.Fatalf("life %d ended with %v, want it killed", l.number, l.err)
					}
				}
				l := s.start("")
				l.awaitReady(t)
				c.settle(l, 1, 20)
			})
		}
	}
}

func TestEveryCrashPointIsTried(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	named := regexp.MustCompile(`crash\.Point\("([^"]+)"\)`)
	var found []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range named.FindAllSubmatch(text, -1) {
			found = append(found, string(match[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if want := slices.Sorted(slices.Values(points)); !slices.Equal(found, want) {
		t.Errorf("the code has the crash points\n%v\nand tried are\n%v", found, want)
	}
}
