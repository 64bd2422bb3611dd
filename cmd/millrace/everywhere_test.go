package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/servertest"
)

// place is a store and a broker of a test's own.
type place struct {
	store, broker string
	processes     int // how many services share them
}

// stores are all databases.
var stores = map[string]func(*testing.T) string{
	"sqlite":  func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "millrace.db") },
	"mariadb": func(t *testing.T) string { return servertest.Database(t, "mariadb") },
	"mysql":   func(t *testing.T) string { return servertest.Database(t, "mysql") },
}

// brokers are all brokers.
var brokers = map[string]func(*testing.T) string{
	"memory":   func(*testing.T) string { return "memory:" },
	"rabbitmq": func(t *testing.T) string { return servertest.VirtualHost(t, "rabbitmq") },
	"nats":     servertest.NATS,
	"kafka":    servertest.Kafka,
	"sql":      func(*testing.T) string { return "sql:" },
	"redis":    func(t *testing.T) string { return servertest.StartRedis(t).Address() },
}

// TestEverywhere is one and the same suite for every broker on every database.
// Nothing but MILLRACE_STORE and MILLRACE_BROKER differs.
func TestEverywhere(t *testing.T) {
	t.Parallel()
	for store, openStore := range stores {
		for broker, openBroker := range brokers {
			t.Run(broker+" and "+store, func(t *testing.T) {
				t.Parallel()
				p := place{openStore(t), openBroker(t), 2}
				if p.broker == "memory:" {
					p.processes = 1
				}
				t.Run("takes an order from the first draft to the delivery", p.wholeLife)
				t.Run("carries every order out once, however often it is asked", p.manyOrders)
				t.Run("gives up what it cannot handle, and goes on", p.poison)
			})
		}
	}
}

// start runs the processes that share the place until the test is over. The first
// is asked in most tests.
func (p place) start(t *testing.T) []client {
	t.Helper()
	var clients []client
	for range p.processes {
		s := start(t, func(c *config) {
			c.Store, c.Broker = p.store, p.broker
			c.SlowPayment, c.Backoff, c.Retries = time.Millisecond, time.Millisecond, 2
		})
		clients = append(clients, s.client(t))
	}
	return clients
}

func (p place) wholeLife(t *testing.T) {
	c := p.start(t)[0]
	order := c.create()
	c.post(order+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
	c.awaitStatus(order, "approved", "paid")
	c.post(order+"/ship", fields{"carrier": "Fietskoeriers"}).want(http.StatusOK)
	c.post(order+"/complete", nil).want(http.StatusOK)
	c.awaitStatus(order, "completed", "paid")
	wantHistory(t, c, order, "order.created", "order.submitted", "order.payment_requested", "order.paid",
		"order.approved", "order.shipped", "order.completed")
	c.post(order+"/cancel", fields{"reason": "too late"}).want(http.StatusConflict)
}

// manyOrders sends every write to all processes at once, under one key.
func (p place) manyOrders(t *testing.T) {
	const customers, each = 8, 3
	clients := p.start(t)
	var work sync.WaitGroup
	for customer := range customers {
		work.Go(func() {
			for i := range each {
				key := fmt.Sprintf("Idempotency-Key: order %d of customer %d", i, customer)
				order := everywhere(clients, func(c client) string {
					return c.post("/v1/orders", newOrder(), key).want(http.StatusCreated).outcome().OrderID
				})
				everywhere(clients, func(c client) string {
					return c.post("/v1/orders/"+order+"/submit", fields{"payment_method": "tok_ok"}, key).want(http.StatusOK).outcome().OrderID
				})
				for _, c := range clients {
					c.awaitStatus("/v1/orders/"+order, "approved", "paid")
				}
				wantHistory(t, clients[0], "/v1/orders/"+order, "order.created", "order.submitted",
					"order.payment_requested", "order.paid", "order.approved")
			}
		})
	}
	work.Wait()
	if left := deadLettersOf(t, p.store); len(left) > 0 {
		t.Errorf("%d dead letters, such as %+v", len(left), left[0])
	}
}

// everywhere asks all processes at the same time and wants one answer.
func everywhere(clients []client, ask func(client) string) string {
	answers := make([]string, len(clients))
	var work sync.WaitGroup
	for i, c := range clients {
		work.Go(func() { answers[i] = ask(c) })
	}
	work.Wait()
	if other := slices.IndexFunc(answers, func(a string) bool { return a != answers[0] }); other >= 0 {
		clients[0].Errorf("the answers are %v, want the same from all", answers)
	}
	return answers[0]
}

// poison gives one order an event that no handler can read, and mends it later.
func (p place) poison(t *testing.T) {
	c := p.start(t)[0]
	bad, good := c.create(), c.create()
	id := bad[strings.LastIndex(bad, "/")+1:]
	raw := openPlace(t, p.store)
	execute := func(statement string, args ...any) {
		t.Helper()
		if _, err := raw.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	c.awaitStatus(bad, "draft", "unpaid")
	execute("INSERT INTO events SELECT stream, 2, ?, 'order.canceled', 1, ?, metadata, occurred_at FROM events WHERE stream = ?",
		newID(), []byte("garbled"), "order-"+id)
	execute("INSERT INTO outbox (stream, first_version, last_version) VALUES (?, 2, 2)", "order-"+id)
	var letters []sqlstore.DeadLetter
	eventually(t, "there is a dead letter of the view", func() bool {
		letters = slices.DeleteFunc(deadLettersOf(t, p.store), func(l sqlstore.DeadLetter) bool {
			// A message about the first event may come late, and meet the second one.
			return l.Handler != "millrace.events.order-views" || l.Metadata["ce_subject"] != id || l.Metadata["ce_type"] != "order.canceled"
		})
		return len(letters) > 0
	})
	c.put(good+"/cart", fields{"items": newOrder().Items}).want(http.StatusOK)
	if l := letters[0]; l.Attempts != 3 || !strings.Contains(l.Error, "order.canceled") {
		t.Errorf("the letter is %+v, want it after 3 attempts, with what went wrong", l)
	}

	p.wantShown(t, func(n int) bool { return n > 0 })
	execute("UPDATE events SET data = ? WHERE stream = ? AND version = 2",
		[]byte(`{"reason":"mended","at":"2026-01-02T03:04:05Z"}`), "order-"+id)
	environment := []string{"MILLRACE_STORE=" + p.store, "MILLRACE_BROKER=" + p.broker}
	out, complaints, exit := run(t, environment, "dead-letters", "requeue", letters[0].ID)
	if exit != 0 || !strings.Contains(out, "requeued "+letters[0].ID) {
		t.Fatalf("requeue said %q and %q, exit %d", out, complaints, exit)
	}
	c.awaitStatus(bad, "canceled", "unpaid")
	if left := deadLettersOf(t, p.store); slices.ContainsFunc(left, func(l sqlstore.DeadLetter) bool { return l.ID == letters[0].ID }) {
		t.Errorf("%s is still a dead letter", letters[0].ID)
	}

	// What other handlers and messages left has become pointless.
	if _, complaints, exit := run(t, environment, "dead-letters", "discard", "--all"); exit != 0 {
		t.Fatalf("discard said %q, exit %d", complaints, exit)
	}
	if left := deadLettersOf(t, p.store); len(left) > 0 {
		t.Errorf("%d dead letters are left, such as %+v", len(left), left[0])
	}
	p.wantShown(t, func(n int) bool { return n == 0 })
}

// wantShown waits until RabbitMQ, if it is the broker, has the right number of
// dead letters of the view in a queue to look at.
func (p place) wantShown(t *testing.T, right func(int) bool) {
	t.Helper()
	if !strings.HasPrefix(p.broker, "amqp:") {
		return
	}
	connection, err := amqp091.Dial(p.broker)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	eventually(t, "RabbitMQ shows the dead letters there are", func() bool {
		channel, err := connection.Channel()
		if err != nil {
			t.Fatal(err)
		}
		defer channel.Close()
		queue, err := channel.QueueDeclarePassive("millrace.dead-letters.order-views", true, false, false, false, nil)
		return err == nil && right(queue.Messages)
	})
}

func deadLettersOf(t *testing.T, store string) []sqlstore.DeadLetter {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.DeadLetters(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// openPlace opens a connection of the test's own to a store.
func openPlace(t *testing.T, store string) *sql.DB {
	t.Helper()
	path, isFile := strings.CutPrefix(store, "sqlite:")
	if !isFile {
		return servertest.Connect(t, store)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // what it says no longer matters
	return db
}
