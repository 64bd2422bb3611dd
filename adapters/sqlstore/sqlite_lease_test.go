package sqlstore_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
)

func TestSQLiteLeaseOfADeadProcessIsTakenAtOnce(t *testing.T) {
	t.Parallel()
	s := openSQLite(t)
	self, err := sqlstore.Holder("this run")
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(self, "/")
	exited := exec.Command("true")
	if err := exited.Run(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		holder string
		want   error
	}{
		"exited":              {fmt.Sprintf("%s/%d/x", host, exited.Process.Pid), nil},
		"this one, last time": {fmt.Sprintf("%s/%d/another run", host, os.Getpid()), nil},
		"alive":               {fmt.Sprintf("%s/%d/x", host, os.Getppid()), es.ErrFenced},
		"on another host":     {fmt.Sprintf("not-%s/%d/x", host, exited.Process.Pid), es.ErrFenced},
		"no process":          {"somebody", es.ErrFenced},
	} {
		before, err := s.Acquire(t.Context(), name, c.holder, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		after, err := s.Acquire(t.Context(), name, self, time.Hour)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: the error is %v, want %v", name, err, c.want)
		}
		if err == nil && after.Epoch <= before.Epoch {
			t.Errorf("%s: the epoch went from %d to %d", name, before.Epoch, after.Epoch)
		}
	}
}
