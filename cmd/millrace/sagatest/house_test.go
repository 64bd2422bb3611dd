package sagatest

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/millrace/millrace/internal/fleet"
	"github.com/millrace/millrace/internal/servertest"
)

// house is the service with everything around it.
type house struct {
	*testing.T
	fleet  *fleet.Fleet
	slots  map[string]int // where in the fleet is the process that does a job
	stores []*sql.DB      // the databases
	ledger func() string  // where what can be read of the gateway's ledger begins
	client http.Client
	traps  []*traps // by slot
	folder string
	audit  audit
	broker string // its address, or "" if it is within the process
	echo   *echo  // nil unless somebody wants messages to come twice

	kills atomic.Int64

	mu       sync.Mutex
	helpless []string // orders of which the checkout asks for help
}

// The jobs, each of which a process of its own does, or all do one.
const (
	orders     = "orders"
	checkout   = "checkout"
	payments   = "payments"
	restaurant = "restaurant"
	gateway    = "gateway"
)

// soldOut is a product that every restaurant is out of.
const soldOut = "p-sold-out"

// hasty are settings by which what was cut off goes on soon.
var hasty = []string{"MILLRACE_LEASE=1s", "MILLRACE_RESEND_AFTER=2s", "MILLRACE_BACKOFF=20ms", "MILLRACE_SOLD_OUT=" + soldOut}

// builders are the two ways to run the service.
var builders = []struct {
	name  string
	build func(t *testing.T, settings []string) *house
}{
	{"one process", embedded},
	{"a process each", split},
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, fleet: fleet.New(t), slots: map[string]int{}, folder: t.TempDir()}
	h.client = http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}
	t.Cleanup(h.client.CloseIdleConnections)
	return h
}

// embedded runs everything in one process, on a SQLite file.
func embedded(t *testing.T, settings []string) *house {
	t.Helper()
	h := newHouse(t)
	for _, job := range []string{orders, checkout, payments, restaurant, gateway} {
		h.slots[job] = 0
	}
	h.fleet.Start(fleet.Run{Binary: binary, Name: "everything", Settings: append([]string{
		"MILLRACE_STORE=sqlite:" + filepath.Join(h.folder, "millrace.db"),
		"MILLRACE_GATEWAY=simulator:" + filepath.Join(h.folder, "gateway.db"), h.newTraps().setting(),
	}, append(hasty, settings...)...)})
	h.fleet.AwaitReady()
	h.stores = []*sql.DB{openFile(t, filepath.Join(h.folder, "millrace.db"))}
	h.ledger = func() string { return h.fleet.All()[0].Admin() + "/gateway" }
	return h
}

// openFile opens a SQLite file for reading while the service runs on it.
func openFile(t *testing.T, file string) *sql.DB {
	t.Helper()
	how := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+how.Encode())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() }) // it was only read
	return db
}

// split runs a process for each participant and for the gateway. They share a broker
// and nothing else.
func split(t *testing.T, settings []string) *house {
	t.Helper()
	h := newHouse(t)
	h.broker = servertest.VirtualHost(t, "rabbitmq")
	at := freeAddress(t)
	h.slots[gateway] = len(h.slots)
	h.fleet.Start(fleet.Run{
		Binary: binary, Name: gateway,
		Args:     []string{"gateway-simulator", "--gateway-addr", at, "--ledger", filepath.Join(h.folder, "gateway.db")},
		Settings: append([]string{h.newTraps().setting()}, settings...),
	})
	for _, p := range []struct{ job, roles, server string }{
		{orders, "api,commands,events,relay", "mariadb"}, {checkout, "processes", "mysql"},
		{payments, "payments", "mariadb"}, {restaurant, "restaurant", "mysql"},
	} {
		h.slots[p.job] = len(h.slots)
		store := servertest.Database(t, p.server)
		h.stores = append(h.stores, servertest.Connect(t, store))
		h.fleet.Start(fleet.Run{Binary: binary, Name: p.job, Settings: append([]string{
			"MILLRACE_STORE=" + store, "MILLRACE_BROKER=" + h.broker, "MILLRACE_ROLES=" + p.roles,
			"MILLRACE_GATEWAY=http://" + at, h.newTraps().setting(),
		}, append(hasty, settings...)...)})
	}
	h.fleet.AwaitReady()
	h.ledger = func() string { return "http://" + at }
	return h
}

// freeAddress returns an address that nobody listens on. A process that was killed has
// to come back to the same one.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// apart tells whether every job has a process of its own.
func (h *house) apart() bool { return h.broker != "" }

// await fails the test unless a condition comes true.
func (h *house) await(t *testing.T, what string, condition func() error) {
	t.Helper()
	if err := fleet.Eventually(patience, condition); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", what, err))
	}
}
