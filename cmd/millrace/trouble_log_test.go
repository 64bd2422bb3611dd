package main

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// record keeps what a process writes, and can be read meanwhile.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

var apiAddress = regexp.MustCompile(`API +(http://[^/]+)/`)

func TestServiceLogsThatACashierIsInTrouble(t *testing.T) {
	t.Parallel()
	cmd := prepare(t, []string{
		"MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_ADMIN_ADDR=127.0.0.1:0", "MILLRACE_GATEWAY=http://sesame:open@127.0.0.1:1",
	}, "serve")
	var welcome, log record
	cmd.Stdout, cmd.Stderr = &welcome, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			t.Errorf("%v, and %s", err, log.String())
		}
	})
	defer stop()
	eventually(t, "it says where it listens", func() bool { return apiAddress.MatchString(welcome.String()) })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := client{TB: t, base: apiAddress.FindStringSubmatch(welcome.String())[1], http: &http.Client{Transport: transport, Timeout: patience}}
	order := c.create()
	submit := c.post(order+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK).outcome()

	const news = "a process is in trouble"
	eventually(t, "the log says: "+news, func() bool { return strings.Contains(log.String(), news) })
	stop()
	var said []string
	for _, line := range lines(log.String()) {
		if strings.Contains(line, news) {
			said = append(said, line)
		}
	}
	if len(said) != 1 {
		t.Fatalf("the log says %q, want it once", said)
	}
	for _, want := range []string{"level=WARN", "process=cashier", " 5 times: ", "connection refused", "correlation_id=" + submit.CommandID} {
		if !strings.Contains(said[0], want) {
			t.Errorf("the log says %q, want it with %s", said[0], want)
		}
	}
	if strings.Contains(log.String(), "sesame") {
		t.Errorf("the log has the key to the gateway: %s", log.String())
	}
}
