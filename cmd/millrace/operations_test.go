package main

import (
	"bytes"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestAdminListener(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	approve(c, c.create())
	c.base = s.admin

	for path, text := range map[string]string{"/livez": "alive", "/readyz": "ready"} {
		if a := c.get(path).want(http.StatusOK); strings.TrimSpace(string(a.body)) != text {
			t.Errorf("%s says %q, want %q", path, a.body, text)
		}
	}
	for _, line := range []string{
		`millrace_commands_total{outcome="succeeded",type="order.create"} 1`,
		`millrace_commands_total{outcome="succeeded",type="order.approve"} 1`,
		`millrace_handler_seconds_count{handler="order-views"}`, `millrace_handler_seconds_count{handler="checkout"}`,
		"millrace_outbox_appends ", "go_goroutines ", "process_cpu_seconds_total ",
	} {
		eventually(t, "a metric that begins with "+line, func() bool { // counted right after it was seen
			return bytes.Contains(c.get("/metrics").want(http.StatusOK).body, []byte("\n"+line))
		})
	}
	c.get("/debug/pprof/goroutine?debug=1").want(http.StatusOK)
	c.base = s.public
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/debug/pprof/"} {
		c.get(path).wantProblem(http.StatusNotFound, "not_found")
	}
}

var reference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

func TestDocs(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	c.get("/docs").want(http.StatusMovedPermanently).wantHeader("Location", "/docs/")
	c.get("/").want(http.StatusFound).wantHeader("Location", "/docs/")
	page := c.get("/docs/").want(http.StatusOK).wantHeader("Content-Type", "text/html; charset=utf-8")
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") {
		t.Errorf("the policy is %q, want one that loads nothing from elsewhere", policy)
	}
	assets := reference.FindAllSubmatch(page.body, -1)
	if len(assets) < 5 {
		t.Fatalf("the page refers to %d files, want its scripts, styles and icon", len(assets))
	}
	for _, asset := range assets {
		name := string(asset[1])
		if strings.Contains(name, "//") {
			t.Errorf("the page loads %s from elsewhere", name)
			continue
		}
		a := c.get("/docs/" + name).want(http.StatusOK)
		if len(a.body) == 0 || a.header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s has %d bytes and the policy %q", name, len(a.body), a.header.Get("Content-Security-Policy"))
		}
	}
	for _, name := range []string{"page.js", "page.css"} {
		if body := c.get("/docs/" + name).body; bytes.Contains(body, []byte("://")) {
			t.Errorf("%s has an address of somewhere else: %s", name, body)
		}
	}
}

func TestTheContractsAreServedAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	for _, name := range []string{"openapi.yaml", "asyncapi.yaml"} {
		want, err := os.ReadFile("../../api/" + name)
		if err != nil {
			t.Fatal(err)
		}
		got := c.get("/"+name).want(http.StatusOK).wantHeader("Content-Type", "application/yaml")
		if !bytes.Equal(got.body, want) {
			t.Errorf("/%s has %d bytes that are not those of the file, which has %d", name, len(got.body), len(want))
		}
	}
}
