package main

import (
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
)

// apart are services with a store each, which share a broker and nothing else.
type apart struct {
	orders       *service
	participants []*service
}

// apartment is how the roles besides the API and its orders are spread.
type apartment struct {
	store        string   // the name of the database that the orders are in
	others       string   // the name of those of the participants
	participants []string // their roles, those of each process
}

// apartments are some ways to live apart.
var apartments = map[string]apartment{
	"two files":     {"sqlite", "sqlite", []string{"processes,payments,restaurant"}},
	"four files":    {"sqlite", "sqlite", []string{"processes", "payments", "restaurant"}},
	"two databases": {"mariadb", "mysql", []string{"processes,payments,restaurant"}},
}

// start runs services with stores of their own. The restaurant waits for people.
func (a apartment) start(t *testing.T, broker string) apart {
	t.Helper()
	on := func(store, roles string) *service {
		return start(t, func(c *config) {
			c.Store, c.Broker, c.Roles, c.Restaurant = store, broker, roles, "by-hand"
			c.SlowPayment, c.ResendAfter, c.Backoff = time.Millisecond, 2*time.Second, time.Millisecond
		})
	}
	all := apart{orders: on(stores[a.store](t), "api,commands,events,relay")}
	for _, roles := range a.participants {
		all.participants = append(all.participants, on(stores[a.others](t), roles))
	}
	return all
}

func TestStoresShareABrokerAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, apartment := range apartments {
		for broker, openBroker := range brokers {
			if broker == "memory" || broker == "sql" { // which lead to no other store
				continue
			}
			t.Run(name+" by "+broker, func(t *testing.T) {
				t.Parallel()
				before, afterwards := openBroker(t), openBroker(t) // which knows nothing of what was in the other one
				a := apartment.start(t, before)
				first := a.takeOrders(t, 10)
				a.serve(t, first)

				for _, p := range a.participants {
					p.stop()
					p.config.Broker = afterwards
				}
				more := a.takeOrders(t, 10)
				a.orders.config.Broker = afterwards
				a.orders.restart()
				for _, p := range a.participants {
					p.run()
				}
				a.serve(t, more)
				a.wantRest(t)
				a.wantSameHistories(t)
			})
		}
	}
}

// takeOrders creates orders, and submits and pays them. It returns their paths.
func (a apart) takeOrders(t *testing.T, n int) []string {
	t.Helper()
	c, orders := a.orders.client(t), make([]string, n)
	var work sync.WaitGroup
	for i := range orders {
		work.Go(func() {
			orders[i] = c.create()
			c.put(orders[i]+"/cart", fields{"items": newOrder().Items}).want(http.StatusOK)
			c.post(orders[i]+"/submit", fields{"payment_method": "tok_ok"}).want(http.StatusOK)
		})
	}
	work.Wait()
	return orders
}

// serve lets people answer the tickets of orders, and cancel every other one of them
// once it is approved, with the money back.
func (a apart) serve(t *testing.T, orders []string) {
	t.Helper()
	c := a.orders.client(t)
	for _, order := range orders {
		eventually(t, "the view has the ticket of "+order, func() bool {
			a, err := c.try(http.MethodGet, ticketOf(order), nil)
			if err != nil {
				t.Fatal(err)
			}
			return a.status == http.StatusOK
		})
	}
	var work sync.WaitGroup
	for i, order := range orders {
		work.Go(func() {
			c.post(ticketOf(order)+"/accept", nil).want(http.StatusOK) // the outcome of another store
			c.awaitStatus(order, "approved", "paid")
			if i%2 == 0 {
				c.post(order+"/cancel", fields{"reason": "not hungry"}).want(http.StatusOK)
				c.awaitStatus(order, "canceled", "refunded")
			}
		})
	}
	work.Wait()
}

// ticketOf returns the path of an order's ticket.
func ticketOf(order string) string { return strings.Replace(order, "/orders/", "/tickets/", 1) }

// wantSameHistories wants what one store has of another one's streams to be as it is
// there, from the beginning.
func (a apart) wantSameHistories(t *testing.T) {
	t.Helper()
	homes, histories := map[string]map[es.Stream][]es.Record{}, []map[es.Stream][]es.Record(nil)
	for _, s := range append(a.participants, a.orders) {
		store := openApart(t, s)
		id, err := store.ID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		feed, err := store.Feed(t.Context(), 0, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		homes[id] = map[es.Stream][]es.Record{}
		for _, f := range feed {
			homes[id][f.Stream] = append(homes[id][f.Stream], f.Record)
		}
		histories = append(histories, homes[id])
	}
	imported := 0
	for _, history := range histories {
		for stream, records := range history {
			for i, r := range records {
				home := r.Metadata.Origin
				if home == "" {
					continue
				}
				imported++
				r.Metadata.Origin = ""
				if origin := homes[home][stream]; i >= len(origin) || !reflect.DeepEqual(r, origin[i]) {
					t.Fatalf("version %d of %s is %+v here, and not the same in %s", i+1, stream, r, home)
				}
			}
		}
	}
	if imported == 0 {
		t.Error("nothing was imported")
	}
}

// wantRest waits until nobody waits for anything any more, and wants that nothing was
// given up.
func (a apart) wantRest(t *testing.T) {
	t.Helper()
	for _, s := range append(a.participants, a.orders) {
		store := openApart(t, s)
		eventually(t, "every command has an outcome", func() bool {
			left, err := store.Unfinished(t.Context(), time.Now().Add(time.Hour), es.Envelope{}, 10)
			if err != nil {
				t.Fatal(err)
			}
			return len(left) == 0
		})
		eventually(t, "the outbox is empty", func() bool {
			n, err := store.Backlog(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n == 0
		})
		if left := deadLettersOf(t, s.config.Store); len(left) > 0 {
			t.Errorf("%d dead letters, such as %+v", len(left), left[0])
		}
	}
}

// openApart opens the store of a service beside it, until the test is over.
func openApart(t *testing.T, s *service) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), s.config.Store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // what it says no longer matters
	return store
}
