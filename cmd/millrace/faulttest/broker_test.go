package faulttest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// soon is how long everything may take to converge after the broker is back. What
// it has lost is sent again after 3 seconds here (MILLRACE_RESEND_AFTER), and
// followers look every 5 seconds.
const soon = 30 * time.Second

// whileAway is how many writes have to be accepted while there is no broker.
var whileAway = atLength(crowd, 4*crowd)

func TestRabbitMQIsKilledUnderLoad(t *testing.T) {
	onlyInFull(t)
	s := newStage(t, "mariadb")
	s.open(split...)
	s.broker.Kill()
	s.awaitAccepted(whileAway)
	s.broker.Start()
	s.settle(mended{scenario: "RabbitMQ is killed and started", since: time.Now(), within: soon})
}

func TestRabbitMQIsRestartedUnderLoad(t *testing.T) {
	onlyInFull(t)
	s := newStage(t, "mariadb")
	s.open(split...)
	s.broker.Control("stop_app")
	s.awaitAccepted(whileAway)
	s.broker.Control("start_app")
	s.settle(mended{scenario: "RabbitMQ is stopped and started", since: time.Now(), within: soon})
}

func TestAllQueuesAreDeletedUnderLoad(t *testing.T) {
	onlyInFull(t)
	s := newStage(t, "mariadb")
	s.open(split...)
	n, since := s.deleteQueues(), time.Now()
	t.Logf("deleted %d queues", n)
	s.awaitAccepted(whileAway)
	s.settle(mended{scenario: "all queues are deleted", since: since, within: soon})
}

// deleteQueues deletes all queues, as an operator would by the management API, and
// returns how many there were.
func (s *stage) deleteQueues() int {
	s.Helper()
	var queues []struct{ Name string }
	s.await(patience, func() error { return s.manage(http.MethodGet, "/api/queues/%2F", &queues) })
	for _, q := range queues {
		if err := s.manage(http.MethodDelete, "/api/queues/%2F/"+url.PathEscape(q.Name), nil); err != nil {
			s.Fatal(err)
		}
	}
	if len(queues) == 0 {
		s.Fatal("there are no queues")
	}
	return len(queues)
}

func (s *stage) manage(method, path string, into any) error {
	r, err := http.NewRequestWithContext(s.Context(), method, s.broker.Management()+path, nil)
	if err != nil {
		return err
	}
	r.SetBasicAuth("millrace", "millrace")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// What is lost with the disk are commands that the broker has confirmed: nobody
// carries any out before.
func TestRabbitMQLosesItsDiskUnderLoad(t *testing.T) {
	s := newStage(t, "mariadb")
	s.open(split...)
	workers := s.fleet.Named("commands")
	for _, slot := range workers {
		s.fleet.All()[slot].Kill()
	}
	s.awaitAccepted(crowd)
	s.broker.Wipe()
	for _, slot := range workers {
		s.fleet.Again(slot)
	}
	// By now the others may all ask about what is pending, and write nothing.
	rounds := atLength(1, 2)
	meanwhile := newCustomers(t, s.fleet, "order meanwhile", rounds)
	s.awaitAcceptedOf(meanwhile, rounds*crowd)
	s.broker.Start()
	back := time.Now()
	if s.join(meanwhile, soon+patience) {
		s.customers.tally.join(meanwhile.tally.now())
	}
	s.settle(mended{scenario: "RabbitMQ loses its disk", since: back, within: soon})
}

func TestRabbitMQRunsOutOfMemoryUnderLoad(t *testing.T) {
	onlyInFull(t)
	s := newStage(t, "mariadb")
	s.open(split...)
	s.broker.Alarm(true)
	s.awaitAccepted(whileAway)
	hold(10 * time.Second)
	s.broker.Alarm(false)
	s.settle(mended{scenario: "RabbitMQ raises a memory alarm", since: time.Now(), within: soon})
}

func TestTheServiceIsStartedBeforeItsServers(t *testing.T) {
	onlyInFull(t)
	s := newStage(t, "mariadb")
	s.broker.Kill()
	s.store.Kill()
	s.fleet.Start(s.runs(split...)...)
	hold(5 * time.Second)
	if err := s.fleet.Running(); err != nil {
		t.Fatal(err)
	}
	s.store.Start()
	s.fleet.AwaitReady()
	s.customers = newCustomers(t, s.fleet, "order", 0)
	s.awaitAccepted(whileAway)
	s.broker.Start()
	since := time.Now()
	s.underLoad()
	s.settle(mended{scenario: "the service starts before its servers", since: since, within: soon})
}
