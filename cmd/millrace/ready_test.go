package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	t.Parallel()
	asked := func(t *testing.T, addr string) (stdout, stderr string, exit int) {
		t.Helper()
		// A proxy that is not there: a request that went by it would fail.
		return run(t, []string{"MILLRACE_ADMIN_ADDR=" + addr, "HTTP_PROXY=http://192.0.2.1:1", "http_proxy=http://192.0.2.1:1"}, "ready")
	}

	t.Run("says yes while the service is", func(t *testing.T) {
		t.Parallel()
		_, port, err := net.SplitHostPort(strings.TrimPrefix(start(t).admin, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"127.0.0.1", "0.0.0.0", ""} {
			if stdout, stderr, exit := asked(t, host+":"+port); exit != 0 || stdout != "ready\n" || stderr != "" {
				t.Errorf("ready at %q: exit code %d, %q and %q, want 0 and ready", host, exit, stdout, stderr)
			}
		}
	})

	t.Run("says no and why while it is not", func(t *testing.T) {
		t.Parallel()
		unready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				return
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("not ready: the store is away\n")) // the test sees what is missing
		}))
		t.Cleanup(unready.Close)
		stdout, stderr, exit := asked(t, strings.TrimPrefix(unready.URL, "http://"))
		wantComplaint(t, stdout, stderr, exit, "503 Service Unavailable: not ready: the store is away")
	})

	t.Run("does not take being sent elsewhere for a yes", func(t *testing.T) {
		t.Parallel()
		away := httptest.NewServer(http.RedirectHandler("http://192.0.2.1/", http.StatusFound))
		t.Cleanup(away.Close)
		stdout, stderr, exit := asked(t, strings.TrimPrefix(away.URL, "http://"))
		wantComplaint(t, stdout, stderr, exit, "302 Found")
	})

	t.Run("says no when nobody is there", func(t *testing.T) {
		t.Parallel()
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		stdout, stderr, exit := asked(t, strings.TrimPrefix(gone.URL, "http://"))
		wantComplaint(t, stdout, stderr, exit, "connection refused")
	})

	t.Run("does not wait for a service that hangs", func(t *testing.T) {
		t.Parallel()
		silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = silent.Close() }) // nobody else uses it
		begun := time.Now()
		stdout, stderr, exit := asked(t, silent.Addr().String())
		wantComplaint(t, stdout, stderr, exit, "deadline exceeded")
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it waited %s", took)
		}
	})
}
