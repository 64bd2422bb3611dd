package main

import (
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/adminapi"
)

// scrape reads all metrics of a service, by their names and labels.
func (s *service) scrape(t *testing.T) map[string]float64 {
	t.Helper()
	c := s.client(t)
	c.base = s.admin
	all := map[string]float64{}
	for _, line := range lines(string(c.get("/metrics").want(http.StatusOK).body)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			t.Fatalf("the metric %s: %v", line, err)
		}
		all[line[:i]] = value
	}
	return all
}

// wantMetrics wants metrics to have these values.
func wantMetrics(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if is, there := got[name]; !there || is != value {
			t.Errorf("%s is %v (there: %t), want %v", name, is, there, value)
		}
	}
}

// wantCounted wants counters to have come this far at least: something may be tried
// twice, as by two who see an event at the same time.
func wantCounted(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, least := range want {
		if got[name] < least {
			t.Errorf("%s is %v, want at least %v", name, got[name], least)
		}
	}
}

// awaitStuck waits until a process of a service is stuck, for a reason.
func (s *service) awaitStuck(t *testing.T, name, why string) {
	t.Helper()
	c := s.client(t)
	c.base = s.admin
	eventually(t, name+" is stuck: "+why, func() bool {
		for _, p := range read[struct{ Data []adminapi.Process }](c.get("/admin/processes?stuck=true").want(http.StatusOK)).Data {
			if p.Name == name && strings.Contains(strings.Join(p.Stuck, "\n"), why) {
				return true
			}
		}
		return false
	})
}

func TestMetricsTellOfAGatewayThatIsAway(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config) { c.Gateway = "http://127.0.0.1:1" })
	c := s.client(t)
	order := c.create()
	c.post(order+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
	s.awaitStuck(t, "cashier", " 5 times: ")
	got := s.scrape(t)
	wantCounted(t, got, map[string]float64{
		`millrace_gateway_requests_total{outcome="unknown",request="find_charge"}`: 5,
		`millrace_gateway_seconds_count{request="find_charge"}`:                    5,
		`millrace_timers_total{outcome="fired",process="cashier"}`:                 3,
	})
	wantMetrics(t, got, map[string]float64{
		`millrace_processes_open{process="cashier"}`: 1, `millrace_processes_open{process="checkout"}`: 1,
		`millrace_processes_open{process="kitchen"}`: 0, `millrace_processes_troubled{process="cashier"}`: 1,
		`millrace_processes_troubled{process="checkout"}`: 0, `millrace_processes_overdue{process="cashier"}`: 0,
		`millrace_gateway_requests_total{outcome="ok",request="find_charge"}`:          0,
		`millrace_gateway_requests_total{outcome="ok",request="charge"}`:               0,
		`millrace_gateway_requests_total{outcome="declined",request="refund"}`:         0,
		`millrace_gateway_requests_total{outcome="never_asked",request="find_refund"}`: 0,
		`millrace_gateway_requests_total{outcome="abandoned",request="charge"}`:        0,
		`millrace_timers_total{outcome="error",process="cashier"}`:                     0,
	})
}

func TestMetricsTellOfAGatewayThatIsThere(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	order := c.create()
	c.post(order+"/submit", fields{"payment_method": "tok_declined"}).want(http.StatusOK)
	c.awaitStatus(order, "submitted", "failed")
	c.post(order+"/pay", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
	c.awaitStatus(order, "approved", "paid")
	c.post(order+"/cancel", fields{"reason": "changed my mind"}).want(http.StatusOK)
	c.awaitStatus(order, "canceled", "refunded")
	got := s.scrape(t)
	wantCounted(t, got, map[string]float64{
		`millrace_gateway_requests_total{outcome="never_asked",request="find_charge"}`: 2,
		`millrace_gateway_requests_total{outcome="declined",request="charge"}`:         1,
		`millrace_gateway_requests_total{outcome="ok",request="charge"}`:               1,
		`millrace_gateway_requests_total{outcome="never_asked",request="find_refund"}`: 1,
		`millrace_gateway_requests_total{outcome="ok",request="refund"}`:               1,
		`millrace_gateway_seconds_count{request="charge"}`:                             2,
	})
	wantMetrics(t, got, map[string]float64{
		`millrace_gateway_requests_total{outcome="unknown",request="charge"}`: 0,
		`millrace_processes_troubled{process="cashier"}`:                      0,
		`millrace_processes_troubled{process="checkout"}`:                     0,
		`millrace_processes_overdue{process="checkout"}`:                      0,
	})
}

// A process that is kept in a shape that cannot be read has a timer that cannot fire.
func TestMetricsTellOfTimersThatDoNotFire(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config) {
		store, _, err := openStore(t.Context(), *c)
		if err != nil {
			t.Fatal(err)
		}
		m := es.Move[string]{ID: newID(), Instance: es.Instance[string]{
			Version: 1, State: "odd", StartedAt: time.Now(), Timers: []es.Timer{{Name: "customer", At: time.Now().Add(-2 * time.Minute)}},
		}}
		errs := sqlstore.Processes[string]{Store: store, Name: "checkout"}.Save(t.Context(), []es.Move[string]{m})
		if err := errors.Join(append(errs, store.Close())...); err != nil {
			t.Fatal(err)
		}
	})
	s.awaitStuck(t, "checkout", "timer customer is overdue")
	eventually(t, "the timer cannot be fired", func() bool {
		return s.scrape(t)[`millrace_timers_total{outcome="error",process="checkout"}`] > 0
	})
	wantMetrics(t, s.scrape(t), map[string]float64{
		`millrace_processes_overdue{process="checkout"}`: 1, `millrace_processes_open{process="checkout"}`: 1,
		`millrace_processes_troubled{process="checkout"}`: 0, `millrace_processes_overdue{process="cashier"}`: 0,
		`millrace_timers_total{outcome="fired",process="checkout"}`: 0,
	})
}

// What a process has no part in, it says nothing about: others do.
func TestMetricsAreThoseOfTheRoles(t *testing.T) {
	t.Parallel()
	store := "sqlite:" + filepath.Join(t.TempDir(), "millrace.db")
	for roles, want := range map[string][]string{
		"api,commands,events,relay": nil,
		"processes":                 {`millrace_processes_open{process="checkout"}`},
		"payments": {
			`millrace_processes_open{process="cashier"}`,
			`millrace_gateway_requests_total{outcome="unknown",request="refund"}`,
		},
		"restaurant": {`millrace_processes_open{process="kitchen"}`},
	} {
		s := start(t, func(c *config) { c.Store, c.Broker, c.Roles = store, inStore, roles })
		got := s.scrape(t)
		for _, name := range []string{
			`millrace_processes_open{process="checkout"}`, `millrace_processes_open{process="cashier"}`, `millrace_processes_open{process="kitchen"}`,
			`millrace_gateway_requests_total{outcome="unknown",request="refund"}`,
		} {
			if _, there := got[name]; there != slices.Contains(want, name) {
				t.Errorf("whether a process for %s has %s is %t, want %t", roles, name, there, !there)
			}
		}
	}
}
