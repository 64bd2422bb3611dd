package sqlstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
)

// appendTo names the file that a child process writes to.
const appendTo = "MILLRACE_TEST_APPEND_TO"

const (
	childWriters = 8
	kills        = 20
)

// appendUntilKilled is what the child does: it appends and forwards, and prints
// the command and version of each append that was confirmed.
func appendUntilKilled(path string) int {
	ctx := context.Background()
	s, err := sqlstore.Open(ctx, "sqlite:"+path)
	if err == nil {
		_, err = s.Migrate(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	failed := make(chan error, childWriters+1)
	for i := range childWriters {
		go func() { failed <- appendForever(ctx, s, es.StreamOf("order", fmt.Sprint(i)), os.Stdout) }()
	}
	go func() { failed <- forwardForever(ctx, s) }()
	fmt.Fprintln(os.Stderr, <-failed)
	return 1
}

func appendForever(ctx context.Context, s *sqlstore.Store, stream es.Stream, confirm io.Writer) error {
	version := es.Version(0)
	for r, err := range s.Read(ctx, stream, 0) {
		if err != nil {
			return err
		}
		version = r.Version
	}
	for {
		a := addition(stream, version, 1+int(version)%3)
		if err := errors.Join(accept(ctx, s, a), s.Append(ctx, a)); err != nil {
			return err
		}
		version = a.Outcome.Version
		if _, err := fmt.Fprintln(confirm, a.Outcome.CommandID, a.Outcome.Version); err != nil {
			return err
		}
	}
}

func forwardForever(ctx context.Context, s *sqlstore.Store) error {
	holder, err := sqlstore.Holder("child")
	if err != nil {
		return err
	}
	for {
		lease, err := s.Acquire(ctx, "relay", holder, time.Hour) // the one before is dead
		if err != nil {
			return err
		}
		pending, err := s.Pending(ctx, 10)
		if err != nil {
			return err
		}
		if err := s.Forward(ctx, lease, pending); err != nil {
			return err
		}
	}
}

func TestSQLiteLosesNothingThatWasConfirmedBeforeAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	confirmed := map[string]es.Version{}
	for range kills {
		maps.Copy(confirmed, killAfter(t, path, 1+rand.IntN(50)))
		if wantConsistent(t, path, confirmed); t.Failed() {
			return
		}
	}
}

// killAfter lets a child append, kills it some time after it has confirmed a
// number of appends, and returns all that it has confirmed.
func killAfter(t *testing.T, path string, n int) map[string]es.Version {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), appendTo+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	confirmed := map[string]es.Version{}
	var kill sync.Once
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var command string
		var version es.Version
		if _, err := fmt.Sscan(lines.Text(), &command, &version); err != nil {
			continue // the kill cut the line
		}
		confirmed[command] = version
		if len(confirmed) >= n {
			kill.Do(func() {
				// At any time, not always just after a confirmation.
				time.AfterFunc(rand.N(10*time.Millisecond), func() {
					if err := child.Process.Kill(); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
	err = child.Wait()
	if len(confirmed) < n {
		t.Fatalf("the child confirmed %d appends, want %d before it is killed: %v", len(confirmed), n, err)
	}
	return confirmed
}

// wantConsistent opens a file again and compares all that is in it.
func wantConsistent(t *testing.T, path string, confirmed map[string]es.Version) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	type place struct {
		stream  es.Stream
		version es.Version
	}
	published := map[place]int{}
	feed, err := s.Feed(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range feed {
		published[place{r.Stream, r.Version}]++
		if r.Position != es.Position(i+1) {
			t.Errorf("the feed has position %d, want %d", r.Position, i+1)
		}
	}
	pending, err := s.Pending(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pending {
		for _, r := range p.Records {
			published[place{r.Stream, r.Version}]++
		}
	}

	kept := map[string]int{} // records by command
	size := map[string]int{} // how many there should be
	last := map[string]es.Version{}
	for i := range childWriters {
		stream, version := es.StreamOf("order", fmt.Sprint(i)), es.Version(0)
		for r, err := range s.Read(t.Context(), stream, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if version++; r.Version != version {
				t.Errorf("%s has version %d, want %d", stream, r.Version, version)
			}
			if n := published[place{stream, version}]; n != 1 {
				t.Errorf("version %d of %s is %d times in feed and outbox, want once", version, stream, n)
			}
			delete(published, place{stream, version})
			command := r.Metadata.CommandID
			kept[command]++
			size[command], last[command] = r.Schema, r.Version
		}
	}
	if len(published) > 0 {
		t.Errorf("feed and outbox hold %d records that no stream has", len(published))
	}
	for command, version := range confirmed {
		if last[command] != version {
			t.Errorf("command %s was confirmed at version %d and is kept at %d", command, version, last[command])
		}
	}
	for command, n := range kept {
		if n != size[command] {
			t.Errorf("command %s has %d of its %d records", command, n, size[command])
		}
		if o, err := s.Outcome(t.Context(), command); err != nil || o.Version != last[command] {
			t.Errorf("command %s has outcome %+v, error %v, want version %d", command, o, err, last[command])
		}
	}
	unfinished, err := s.Unfinished(t.Context(), time.Now().Add(time.Hour), es.Envelope{}, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range unfinished {
		if kept[c.ID] > 0 {
			t.Errorf("command %s is unfinished, and has records", c.ID)
		}
	}
	var verdict string
	if err := openRaw(t, path).QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("the integrity check says %q, error %v", verdict, err)
	}
}
