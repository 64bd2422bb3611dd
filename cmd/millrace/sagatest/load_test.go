package sagatest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

const (
	crowd     = 16                     // how many customers there are
	pace      = 600 * time.Millisecond // between two orders of one customer
	underWay  = 6                      // how many orders of one customer may be
	untilRest = 2 * time.Minute        // how long everything may take to end when the last kill is over
)

var (
	checkouts = atLength(200, 2000)
	kills     = atLength(8, 50)
)

// In numbers, customers are declined and sold nothing, and some of them are charged
// slowly or without being told.
var load = []string{"MILLRACE_SLOW_PAYMENT=1s", "MILLRACE_CUSTOMER_TIMEOUT=4s"}

func TestManyCheckoutsEndWhateverIsKilled(t *testing.T) {
	for _, b := range builders {
		t.Run(b.name, func(t *testing.T) {
			h := b.build(t, load)
			began := time.Now()
			c := newCustomers(t, h)
			killed := h.killAtRandom()
			c.awaitAll(t)
			rested := time.Now()
			if err := fleet.Eventually(untilRest, h.atRest); err != nil {
				t.Errorf("the service has not come to rest: %v", err)
			}
			r := row{scenario: b.name, kills: killed, rest: time.Since(rested), took: time.Since(began)}
			c.check(t, &r)
			addRow(r)
			h.fleet.Stop()
		})
	}
}

// killAtRandom kills one process after the other and starts it again. Some of them die
// before they are ready. It returns how often each was killed.
func (h *house) killAtRandom() map[string]int {
	h.Helper()
	killed := map[string]int{}
	for range kills {
		slot := rand.IntN(len(h.fleet.All()))
		h.fleet.All()[slot].Kill()
		p := h.fleet.Again(slot)
		killed[p.Name]++
		ready := p.Ready
		if rand.IntN(4) > 0 {
			ready = nil // it shall have some time
		}
		select {
		case <-ready:
		case <-time.After(300*time.Millisecond + time.Duration(rand.Int64N(int64(1500*time.Millisecond)))):
		}
	}
	h.fleet.AwaitReady()
	return killed
}

// kind is what becomes of an order, if nobody cancels it.
type kind struct {
	token, product, end string
	percent             int
}

var kinds = []kind{
	{"tok_declined", "p-1", "canceled", 10},
	{"tok_ok", soldOut, "rejected", 5},
	{"tok_slow", "p-1", "completed", 5},
	{"tok_unknown", "p-1", "completed", 2},
	{"tok_ok", "p-1", "completed", 78},
}

// kindOf spreads the kinds over the orders.
func kindOf(n int) kind {
	place := n * 37 % 100 // goes through all of them
	for _, k := range kinds {
		if place < k.percent {
			return k
		}
		place -= k.percent
	}
	panic("the percents are less than 100")
}

// customers order at the same time, and at a pace.
type customers struct {
	house *house
	done  chan struct{}

	mu     sync.Mutex
	visits []outing
}

func newCustomers(t *testing.T, h *house) *customers {
	c := &customers{house: h, done: make(chan struct{})}
	var all sync.WaitGroup
	for number := range crowd {
		all.Go(func() { c.live(t, number) })
	}
	go func() {
		all.Wait()
		close(c.done)
	}()
	return c
}

// live is what one customer does. It does not wait for one order to be done before it
// begins the next.
func (c *customers) live(t *testing.T, number int) {
	next := time.NewTicker(pace)
	defer next.Stop()
	var orders sync.WaitGroup
	defer orders.Wait()
	places := make(chan struct{}, underWay)
	for n := number; n < checkouts; n += crowd {
		<-next.C
		places <- struct{}{}
		orders.Go(func() {
			defer func() { <-places }()
			v := &visit{T: t, house: c.house, name: fmt.Sprint("checkout-", n), total: 1000 + int64(n)}
			end := v.goThrough(n)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.visits = append(c.visits, outing{v, []string{end}})
		})
	}
}

// goThrough brings one order to its end, and returns how it is to end. Of those that will be
// completed some are canceled on the way, if the customer is fast enough; of those that
// are declined some are left alone.
func (v *visit) goThrough(n int) (end string) {
	k := kindOf(n)
	v.create(k.product)
	v.submit(k.token)
	switch hesitation := time.Duration(rand.Int64N(int64(time.Second))); {
	case k.end == "completed" && n%8 == 0:
		<-time.After(hesitation)
		if v.cancel() {
			return "canceled"
		}
	case k.token == "tok_declined" && n%2 == 0:
		v.reach("failed")
		v.cancel() // unless the time is up
		return k.end
	}
	if k.end == "completed" && v.reach("approved") {
		v.wantDone("ship", v.act("ship", ""))
		v.wantDone("complete", v.act("complete", ""))
	}
	return k.end
}

// reach waits until the order or its payment has a status, without ending the test.
func (v *visit) reach(status string) bool {
	err := fleet.Eventually(untilRest, func() error {
		s, err := v.shown()
		if err == nil && s.Status != status && s.PaymentStatus != status && s.Status != "canceled" {
			err = fmt.Errorf("it is %s and its payment %s", s.Status, s.PaymentStatus)
		}
		return err
	})
	if err != nil {
		v.Errorf("wait until order %s is %s: %v", v.order, status, err)
	}
	return err == nil
}

func (c *customers) awaitAll(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(5 * time.Minute):
		t.Fatal("customers still wait")
	}
}

// check holds every order, and the sums, against the gateway's ledger.
func (c *customers) check(t *testing.T, r *row) {
	t.Helper()
	r.orders, r.ends = len(c.visits), map[string]int{}
	var kept int64
	wrong := c.house.notEnded(c.visits)
	for _, what := range wrong[:min(len(wrong), 20)] {
		t.Error(what)
	}
	r.wrong = len(wrong)
	for _, v := range c.visits {
		r.ends[v.ends[0]]++
		if v.ends[0] == "completed" {
			kept += v.total
		}
	}
	var sums map[string]totals
	if _, err := c.house.get(c.house.ledger()+"/totals", &sums); err != nil {
		t.Fatal(err)
	}
	r.sums = sums["EUR"]
	r.off = r.sums.Kept - kept
	if r.off != 0 || r.sums.Charged != r.sums.Refunded+r.sums.Kept {
		t.Errorf("completed orders cost %d, and the gateway has %+v", kept, r.sums)
	}
	r.disorder = c.house.disorder()
	for _, what := range r.disorder {
		t.Error(what)
	}
	if len(c.visits) != checkouts || !slices.ContainsFunc(c.visits, func(v outing) bool { return v.ends[0] == "completed" }) {
		t.Errorf("there were %d checkouts, want %d", len(c.visits), checkouts)
	}
}
