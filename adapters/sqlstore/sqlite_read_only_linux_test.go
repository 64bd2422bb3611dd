package sqlstore_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// Root may write anywhere, so these tests put their thread under another user.
// The thread ends with its test.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
}

// readable is a folder that everybody may enter and read.
func readable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "read-only")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSQLiteRefusesAFolderThatItMayNotWriteTo(t *testing.T) {
	t.Parallel()
	dir := readable(t)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		asNobody(t)
		wantRefused(t, "sqlite:"+filepath.Join(dir, "store.db"))
	}()
	<-done
}

func TestSQLiteRefusesAFileThatItMayNotWriteTo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(readable(t), "store.db")
	openFile(t, path) // stays open, so that its shared memory can be read
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(file, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		asNobody(t)
		wantRefused(t, "sqlite:"+path)
	}()
	<-done
}
