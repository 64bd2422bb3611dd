package faulttest

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/fleet"
	"github.com/millrace/millrace/internal/servertest"
)

// stage is where a scenario takes place: servers that nobody else uses, the service
// on them, and its customers.
type stage struct {
	*testing.T
	store     *servertest.MySQL
	broker    *servertest.RabbitMQ
	db        *sql.DB
	ledger    string // the file of the payment gateway
	fleet     *fleet.Fleet
	customers *customers
	pulse     *pulse
}

// newStage starts the servers, and nothing on them.
func newStage(t *testing.T, database string) *stage {
	t.Helper()
	s := &stage{T: t, ledger: filepath.Join(t.TempDir(), "gateway.db"), broker: servertest.StartRabbitMQ(t, "rabbitmq"), store: servertest.StartMySQL(t, database)}
	s.db = servertest.Connect(t, s.store.Address)
	s.fleet, s.pulse = fleet.New(t), newPulse(t)
	return s
}

// open runs the service and lets customers loose on it, until it has had some load.
func (s *stage) open(roles ...string) {
	s.Helper()
	s.fleet.Start(s.runs(roles...)...)
	s.fleet.AwaitReady()
	s.customers = newCustomers(s.T, s.fleet, "order", 0)
	s.underLoad()
}

// warmUp is how long there is load before something breaks. A RabbitMQ that is
// killed in the first seconds of a quorum queue forgets that queue.
var warmUp = atLength(5*time.Second, 10*time.Second)

// underLoad waits until the service has had load for some time.
func (s *stage) underLoad() {
	s.Helper()
	began, before := time.Now(), s.answers().good
	s.await(2*patience, func() error {
		if n := s.answers().good - before; n < 2*crowd || time.Since(began) < warmUp {
			return fmt.Errorf("only %d writes in %v", n, time.Since(began))
		}
		return nil
	})
}

func (s *stage) answers() answers { return s.customers.tally.now() }

// await fails the test unless a condition comes true.
func (s *stage) await(within time.Duration, condition func() error) {
	s.Helper()
	if err := fleet.Eventually(within, condition); err != nil {
		s.Fatal(err)
	}
}

// awaitAccepted waits until so many more writes have been accepted.
func (s *stage) awaitAccepted(more int) {
	s.Helper()
	s.awaitAcceptedOf(s.customers, s.answers().accepted()+more)
}

// awaitAcceptedOf waits until so many writes of some customers have been accepted.
func (s *stage) awaitAcceptedOf(some *customers, writes int) {
	s.Helper()
	s.await(2*patience, func() error {
		if n := some.tally.now().accepted(); n < writes {
			return fmt.Errorf("only %d of %d writes were accepted", n, writes)
		}
		return nil
	})
}

// hold keeps a fault up for a time.
func hold(d time.Duration) { <-time.After(d) }

// mended is what a scenario wants once the fault is over.
type mended struct {
	scenario string
	since    time.Time     // when the fault was over
	within   time.Duration // in which everything is to have converged
	refuses  bool          // whether writes may have been answered with 503
	cuts     bool          // whether requests may have had no answer
}

// settle waits until the service has nothing left to do, sees that it is as quick
// as before, and holds everything against everything.
func (s *stage) settle(m mended) {
	s.Helper()
	if err := s.customers.rest(m.within + patience); err != nil {
		s.Errorf("%v", err)
	}
	if err := fleet.Eventually(m.within+patience, s.quiet); err != nil {
		s.Errorf("the service has not come to rest: %v", err)
	}
	converged := time.Since(m.since)
	if converged > m.within {
		s.Errorf("everything had converged after %v, want %v at most", converged, m.within)
	}
	s.asBefore()
	f, err := audit(s.db, s.ledger, s.customers)
	if err != nil {
		s.Error(err)
	}
	for _, what := range f.what[:min(len(f.what), 20)] {
		s.Error(what)
	}
	if more := len(f.what) - 20; more > 0 {
		s.Errorf("and %d more", more)
	}
	a := s.answers()
	if a.wrong > 0 || a.hasty > 0 || (a.unavailable > 0 && !m.refuses) || (a.none > 0 && !m.cuts) || a.slowest > longest+s.pulse.longest() {
		s.Errorf("customers were answered %+v", a)
	}
	var letters int
	if err := s.db.QueryRow("SELECT COUNT(*) FROM dead_letters").Scan(&letters); err != nil || letters > 0 {
		s.Errorf("%d messages became dead letters (%v)", letters, err)
	}
	addRow(row{m.scenario, len(s.customers.orders), a, f, converged})
	s.fleet.Stop()
}

// asBefore lets customers order once more, who all are to be answered at once, as far
// as that is up to the service.
func (s *stage) asBefore() {
	s.Helper()
	again := newCustomers(s.T, s.fleet, "order afterwards", 1)
	if !s.join(again, patience) {
		return
	}
	if a := again.tally.now(); a.unavailable+a.wrong+a.none > 0 || a.slowest > 5*time.Second+s.pulse.longest() {
		s.Errorf("after the fault customers were answered %+v", a)
	}
	if err := fleet.Eventually(patience, s.quiet); err != nil {
		s.Errorf("the service has not come to rest: %v", err)
	}
}

// join waits until further customers have made their orders, which are then among those
// of the others. It tells whether they have.
func (s *stage) join(further *customers, within time.Duration) bool {
	s.Helper()
	select {
	case <-further.done:
	case <-time.After(within):
		s.Errorf("customers wait for answers after the fault: %+v", further.tally.now())
		return false
	}
	s.customers.mu.Lock()
	defer s.customers.mu.Unlock()
	maps.Copy(s.customers.orders, further.orders)
	maps.Copy(s.customers.told, further.told)
	return true
}

// quiet says what the service is still to do, or nil. A process that waits for nobody
// but a customer has nothing to do.
func (s *stage) quiet() error {
	var unfinished, outbox, unseen, behind, busy, events, want int
	var views []string
	for _, category := range []string{"order", "payment", "ticket"} {
		views = append(views, fmt.Sprintf(`(SELECT COUNT(*) FROM (SELECT SUBSTR(stream, %d) AS id, MAX(version) AS version
			FROM events WHERE stream LIKE '%s-%%' GROUP BY stream) heads
			LEFT JOIN %s_views v ON v.id = heads.id WHERE NOT v.version <=> heads.version)`, len(category)+2, category, category))
	}
	err := s.db.QueryRow(`SELECT (SELECT COUNT(*) FROM unfinished_commands), (SELECT COUNT(*) FROM outbox),
		(SELECT COUNT(*) FROM events) - (SELECT COUNT(*) FROM feed), `+strings.Join(views, " + ")+`,
		(SELECT COUNT(*) FROM processes WHERE NOT done AND waits <> 'the customer'),
		(SELECT COUNT(*) FROM events)`).Scan(&unfinished, &outbox, &unseen, &behind, &busy, &events)
	if err != nil {
		return fmt.Errorf("ask what is left to do: %w", err)
	}
	s.customers.mu.Lock()
	defer s.customers.mu.Unlock()
	for _, order := range s.customers.orders {
		want += order.events()
	}
	if unfinished+outbox+behind+busy > 0 || unseen != 0 || events < want {
		return fmt.Errorf("%d commands without an outcome, %d appends in the outbox, %d events not in the feed, %d views behind, %d processes at work, %d of %d events",
			unfinished, outbox, unseen, behind, busy, events, want)
	}
	return nil
}
