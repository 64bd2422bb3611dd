package main

import (
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/servertest"
)

// apart are services with a store each, which share a broker and nothing else.
type apart struct {
	orders, participants *service
}

// startApart runs orders on one store and those who take part in them on another.
func startApart(t *testing.T, broker, ordersStore, participantsStore string) apart {
	t.Helper()
	on := func(store, roles string) *service {
		return start(t, func(c *config) {
			c.Store, c.Broker, c.Roles = store, broker, roles
			c.SlowPayment, c.ResendAfter, c.Backoff = time.Millisecond, 2*time.Second, time.Millisecond
		})
	}
	return apart{on(ordersStore, "api,commands,events,relay"), on(participantsStore, "processes,payments,restaurant")}
}

// pairs are two stores each.
var pairs = map[string]func(*testing.T) (orders, participants string){
	"two files": func(t *testing.T) (string, string) {
		return "sqlite:" + filepath.Join(t.TempDir(), "orders.db"), "sqlite:" + filepath.Join(t.TempDir(), "participants.db")
	},
	"two databases": func(t *testing.T) (string, string) {
		return servertest.Database(t, "mariadb"), servertest.Database(t, "mysql")
	},
}

func TestStoresShareABrokerAndNothingElse(t *testing.T) {
	t.Parallel()
	for pair, openPair := range pairs {
		for broker, openBroker := range brokers {
			if broker == "memory" || broker == "sql" { // which lead to no other store
				continue
			}
			t.Run(pair+" by "+broker, func(t *testing.T) {
				t.Parallel()
				ordersStore, participantsStore := openPair(t)
				before, afterwards := openBroker(t), openBroker(t) // which knows nothing of what was in the other one
				a := startApart(t, before, ordersStore, participantsStore)
				first := a.takeOrders(t, 10)
				a.awaitApproved(t, first)
				a.wantSameHistories(t, first)

				a.participants.stop()
				more := a.takeOrders(t, 10)
				a.orders.config.Broker, a.participants.config.Broker = afterwards, afterwards
				a.orders.restart()
				a.participants.run()
				a.awaitApproved(t, more)
				a.wantSameHistories(t, append(first, more...))
				a.wantRest(t)
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

// awaitApproved waits for what the participants bring about.
func (a apart) awaitApproved(t *testing.T, orders []string) {
	t.Helper()
	c := a.orders.client(t)
	for _, path := range orders {
		c.awaitStatus(path, "approved", "paid")
	}
}

// wantSameHistories wants the participants to have the events of some orders as they are
// in the store of the orders, as far as they have seen them: the payment at least.
func (a apart) wantSameHistories(t *testing.T, orders []string) {
	t.Helper()
	here, there := openApart(t, a.orders), openApart(t, a.participants)
	origin, err := here.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range orders {
		stream := es.StreamOf("order", path[strings.LastIndex(path, "/")+1:])
		want, got := historyOf(t, here, stream), historyOf(t, there, stream)
		isPaid := func(r es.Record) bool { return r.Type == "order.paid" }
		if len(got) > len(want) || !slices.ContainsFunc(got, isPaid) {
			t.Fatalf("the participants have %d events of %s, want its payment and at most %d", len(got), stream, len(want))
		}
		for i := range got {
			if got[i].Metadata.Origin != origin {
				t.Fatalf("%s version %d is from %q, want %s", stream, got[i].Version, got[i].Metadata.Origin, origin)
			}
			got[i].Metadata.Origin = ""
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("the participants have %+v, want %+v", got[i], want[i])
			}
		}
	}
}

// wantRest waits until nobody waits for anything any more, and wants that nothing was
// given up.
func (a apart) wantRest(t *testing.T) {
	t.Helper()
	for _, s := range []*service{a.orders, a.participants} {
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

func historyOf(t *testing.T, s *sqlstore.Store, stream es.Stream) (records []es.Record) {
	t.Helper()
	for r, err := range s.Read(t.Context(), stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}
