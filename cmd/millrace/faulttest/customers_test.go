package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/fleet"
)

const (
	crowd = 16          // how many customers there are
	pace  = time.Second // between two orders of one customer
	open  = 4           // how many orders of one customer may be under way

	// longest is how long a customer may wait for an answer of any kind, besides for
	// the machine.
	longest = 17 * time.Second
)

// customers order at the same time and at a pace. What is not decided they ask
// again under the same Idempotency-Key; what is pending they ask about.
type customers struct {
	t      *testing.T
	fleet  *fleet.Fleet
	client http.Client
	tally  tally

	enough chan struct{} // closed when no more orders are wanted
	done   chan struct{} // closed when all customers rest

	mu     sync.Mutex
	orders map[string]story  // by id, what is to become of each
	told   map[string]answer // by command id, what customers were told in the end
}

// newCustomers lets customers loose on a service. With rounds each makes so many
// orders, without they go on until they are told that it is enough.
func newCustomers(t *testing.T, f *fleet.Fleet, name string, rounds int) *customers {
	c := &customers{
		t: t, fleet: f, enough: make(chan struct{}), done: make(chan struct{}),
		orders: map[string]story{}, told: map[string]answer{},
	}
	c.client = http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: open * crowd}, Timeout: 2 * longest}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() { c.live(ctx, name, i, rounds) })
	}
	go func() {
		all.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		stop() // a test that goes well has let them rest
		<-c.done
		c.client.CloseIdleConnections()
	})
	return c
}

// rest takes no more orders and waits until every customer has its answers.
func (c *customers) rest(within time.Duration) error {
	close(c.enough)
	select {
	case <-c.done:
		return nil
	case <-time.After(within):
		return fmt.Errorf("customers still wait for answers after %v", within)
	}
}

// live is what one customer does. It does not wait for one order to be done before
// it begins the next.
func (c *customers) live(ctx context.Context, name string, number, rounds int) {
	next := time.NewTicker(pace)
	defer next.Stop()
	var orders sync.WaitGroup
	defer orders.Wait()
	places := make(chan struct{}, open)
	for i := 0; rounds == 0 || i < rounds; i++ {
		select {
		case <-next.C:
		case <-c.enough:
			return
		case <-ctx.Done():
			return
		}
		select {
		case places <- struct{}{}:
		case <-c.enough:
			return
		case <-ctx.Done():
			return
		}
		orders.Go(func() {
			defer func() { <-places }()
			c.order(ctx, fmt.Sprintf("%s %d of customer %d", name, i, number), stories[(number+i)%len(stories)], number+i)
		})
	}
}

// order brings one order through its life.
func (c *customers) order(ctx context.Context, key string, s story, turn int) {
	created, ok := c.write(ctx, turn, key, step{method: http.MethodPost, body: `{"customer_id":"c-1","email":"c@example.com","items":[` + item(pizza) + `],
		"delivery_address":{"name":"C","line1":"Canal 1","postal_code":"1011 AB","city":"Amsterdam","country":"NL"}}`}, "")
	if !ok {
		return
	}
	c.mu.Lock()
	c.orders[created.OrderID] = story{history: s.history[:1]}
	c.mu.Unlock()
	for n, step := range s.steps {
		if _, ok := c.write(ctx, turn+n, key+", step "+strconv.Itoa(n), step, "/"+created.OrderID); !ok {
			return
		}
	}
	c.mu.Lock()
	c.orders[created.OrderID] = s
	c.mu.Unlock()
}

// answer is what a request was answered.
type answer struct {
	Status    string `json:"status"` // of the command
	CommandID string `json:"command_id"`
	OrderID   string `json:"order_id"`
	Version   int64  `json:"version"`

	http  int
	after string // when to ask again
	body  string
}

// write asks for a write until it is decided.
func (c *customers) write(ctx context.Context, turn int, key string, s step, order string) (answer, bool) {
	for try := turn; ctx.Err() == nil; try++ {
		r := request{s.method, "/v1/orders" + order + s.verb, s.body, key, turn%4 == 3}
		a := c.ask(ctx, try, r)
		if a.http == http.StatusAccepted && try%3 != 0 { // else it repeats the request, which tells as well
			a = c.await(ctx, try, a)
		}
		switch a.http {
		case http.StatusOK, http.StatusCreated:
			if a.Status != "succeeded" {
				c.t.Errorf("%q was answered %s", key, a.body)
				return a, false
			}
			c.mu.Lock()
			c.told[a.CommandID] = a
			c.mu.Unlock()
			return a, true
		case 0, http.StatusAccepted, http.StatusServiceUnavailable:
			c.pause(ctx)
		default:
			c.t.Errorf("%q was answered %d: %s", key, a.http, a.body)
			return a, false
		}
	}
	return answer{}, false
}

// await asks about a command until it has an outcome.
func (c *customers) await(ctx context.Context, turn int, accepted answer) answer {
	for ; ; turn++ {
		a := c.ask(ctx, turn, request{method: http.MethodGet, path: "/v1/commands/" + accepted.CommandID})
		switch {
		case ctx.Err() != nil:
			return answer{}
		case a.http != 0 && a.http != http.StatusServiceUnavailable && a.Status != "pending":
			return a
		}
		c.pause(ctx)
	}
}

func (c *customers) pause(ctx context.Context) {
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
	}
}

type request struct {
	method, path, body, key string
	async                   bool // wants no more than to know that it was accepted
}

// ask asks one of the processes. The answer is empty if there is none.
func (c *customers) ask(ctx context.Context, turn int, q request) (a answer) {
	began := time.Now()
	a, err := c.send(ctx, turn, q)
	switch {
	case ctx.Err() != nil:
		return answer{}
	case err != nil:
		a = answer{}
	}
	c.tally.note(q, a, began)
	return a
}

func (c *customers) send(ctx context.Context, turn int, q request) (answer, error) {
	base := c.fleet.API(turn)
	if base == "" {
		return answer{}, errors.New("no process answers requests")
	}
	r, err := http.NewRequestWithContext(ctx, q.method, base+q.path, bytes.NewBufferString(q.body))
	if err != nil {
		return answer{}, err
	}
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Prefer", "wait=2")
	}
	if q.async {
		r.Header.Set("Prefer", "respond-async")
	}
	response, err := c.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{http: response.StatusCode, after: response.Header.Get("Retry-After"), body: strings.TrimSpace(string(body))}
	if a.http < 300 {
		err = json.Unmarshal(body, &a)
	}
	return a, err
}

// read gets a page of the API.
func (c *customers) read(path string, into any) error {
	a, err := c.send(context.Background(), 0, request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	if a.http != http.StatusOK {
		return fmt.Errorf("GET %s: %d", path, a.http)
	}
	return json.Unmarshal([]byte(a.body), into)
}
