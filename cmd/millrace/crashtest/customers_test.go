package crashtest

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
	"sync/atomic"
	"testing"
	"time"
)

// customers order, pay and cancel, all at the same time. Whatever is not
// answered they ask again under the same Idempotency-Key, in the next life.
type customers struct {
	t       *testing.T
	service *service
	ledger  ledger
	client  http.Client
	orders  int           // how many each customer makes, 0 for as many as there is time for
	stories []story       // what they do, one after the other
	enough  chan struct{} // closed when no more orders are wanted
	done    chan struct{} // closed when all customers rest
	decided atomic.Int64  // writes that have been decided
}

// story is what a customer does with an order, step by step.
type story struct {
	name  string
	steps []step
}

type step struct {
	command string
	method  string
	verb    string // the end of the path
	body    string
}

func post(verb, body string) step { return step{"order." + verb, http.MethodPost, "/" + verb, body} }

func pay(token string) step        { return post("pay", `{"payment_method":"`+token+`"}`) }
func submit() step                 { return post("submit", "") }
func submitPaying(tok string) step { return post("submit", `{"payment_method":"`+tok+`"}`) }
func cancel() step                 { return post("cancel", `{"reason":"changed my mind"}`) }

// changeCart makes the order one that is found by another word, and for another product.
func changeCart(product string) step {
	return step{"order.update_cart", http.MethodPut, "/cart", `{"items":[` + item("KEY", wordAfter, product) + `]}`}
}

// What an order is found by: the key that it was created with, and one of these.
const (
	wordBefore = "margherita"
	wordAfter  = "formaggi"
)

// pizza is the product that everybody orders.
const pizza = "p-1"

func item(key, word, product string) string {
	return `{"product_id":"` + product + `","title":"` + key + " " + word + `","quantity":2,"unit_price":{"amount":950,"currency":"EUR"}}`
}

// stories are what customers do, one after the other.
var stories = []story{
	{"submits and pays at once", []step{submitPaying("tok_ok")}},
	{"pays and submits", []step{pay("tok_ok"), submit()}},
	{"is declined and tries again", []step{pay("tok_declined"), submit(), pay("tok_ok")}},
	{"cancels while the payment is under way", []step{submitPaying("tok_slow"), cancel()}},
	{"cancels, and then pays", []step{submitPaying("tok_ok"), cancel(), pay("tok_ok")}},
	{"submits twice", []step{submit(), submit(), pay("tok_declined")}},
	{"changes the cart, and again too late", []step{changeCart(pizza), submitPaying("tok_ok"), changeCart(pizza)}},
	{"orders what is sold out", []step{changeCart(soldOut), submitPaying("tok_ok")}},
	{"pays by a gateway that hangs up", []step{submitPaying("tok_unknown")}},
	{"pays by a gateway that stumbles", []step{pay("tok_error"), submit()}},
}

// newCustomers lets n customers loose on a service. Each makes so many orders.
func newCustomers(t *testing.T, s *service, n, orders int, stories []story) *customers {
	c := &customers{t: t, service: s, orders: orders, stories: stories, enough: make(chan struct{}), done: make(chan struct{})}
	c.client = http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: n},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { c.live(ctx, i) })
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

// rest waits until every customer has had the answers it wants.
func (c *customers) rest() error {
	select {
	case <-c.done:
		return nil
	case <-time.After(2 * patience):
		return fmt.Errorf("customers still wait for answers")
	}
}

// live is what one customer does.
func (c *customers) live(ctx context.Context, number int) {
	// Without an end to the orders they come at a pace, so that the file stays
	// small enough to be looked at.
	pace := time.NewTicker(100 * time.Millisecond)
	defer pace.Stop()
	for i := 0; c.orders == 0 || i < c.orders; i++ {
		if c.orders == 0 {
			select {
			case <-c.enough:
				return
			case <-pace.C:
			}
		}
		if !c.make(ctx, number, i) {
			return
		}
	}
}

// make brings one order through its life. It tells whether to go on.
func (c *customers) make(ctx context.Context, number, i int) bool {
	story := c.stories[(number+i)%len(c.stories)]
	key := fmt.Sprintf("c%do%d", number, i) // one word, so that it can be searched for
	created := &write{
		key: key, command: "order.create", method: http.MethodPost, path: "/v1/orders", async: i%4 == 1,
		body: fmt.Sprintf(`{"customer_id":"c-%d","email":"c%d@example.com","items":[%s],
			"delivery_address":{"name":"C","line1":"Canal 1","postal_code":"1011 AB","city":"Amsterdam","country":"NL"}}`,
			number, number, item(key, wordBefore, pizza)),
	}
	id, ok := c.write(ctx, created)
	if !ok {
		return false
	}
	for n, s := range story.steps {
		w := &write{
			key: key + "-step-" + strconv.Itoa(n), command: s.command, method: s.method,
			path: "/v1/orders/" + id + s.verb, body: strings.ReplaceAll(s.body, "KEY", key), async: i%4 == 3,
		}
		if _, ok := c.write(ctx, w); !ok {
			return false
		}
	}
	return true
}

// write sends a write, again and again until it is decided, and returns its
// order.
func (c *customers) write(ctx context.Context, w *write) (orderID string, ok bool) {
	c.ledger.add(w)
	for life := 0; ; {
		l, a, err := c.ask(ctx, w, life, w.async && len(w.answers) == 0)
		switch {
		case ctx.Err() != nil:
			return "", false
		case err != nil:
			c.t.Errorf("%s with key %s: %v", w.command, w.key, err)
			return "", false
		case a.http == 0:
			life = l.number // it is dead
			continue
		}
		c.ledger.answered(w, a)
		if a.decided() {
			c.decided.Add(1)
			return a.OrderID, true
		}
	}
}

// ask sends a write to a life that comes after another one. The answer is empty
// if that life died meanwhile.
func (c *customers) ask(ctx context.Context, w *write, after int, async bool) (*life, answer, error) {
	// Between two lives the file may be looked at, which takes the longer the
	// more it holds.
	waiting, enough := context.WithTimeout(ctx, 10*patience)
	defer enough()
	l, err := c.service.after(waiting, after)
	if err != nil {
		return nil, answer{}, fmt.Errorf("wait for the service: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, err := c.send(ctx, l, w, async)
	if err == nil {
		a.life = l.number
		return l, a, nil
	}
	if _, refused := errors.AsType[unexpected](err); refused {
		return l, a, err
	}
	select {
	case <-l.Gone:
		return l, answer{}, nil
	case <-ctx.Done():
		return l, answer{}, fmt.Errorf("life %d lives and gave no answer: %w", l.number, err)
	}
}

// unexpected is an answer that no write should get.
type unexpected string

func (u unexpected) Error() string { return string(u) }

func (c *customers) send(ctx context.Context, l *life, w *write, async bool) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, w.method, l.API()+w.path, bytes.NewBufferString(w.body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Idempotency-Key", w.key)
	r.Header.Set("Content-Type", "application/json")
	if async {
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
	a := answer{http: response.StatusCode}
	switch a.http {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted:
		err = json.Unmarshal(body, &a)
	case http.StatusConflict:
		var problem struct {
			Code      string `json:"code"`
			CommandID string `json:"command_id"`
			OrderID   string `json:"order_id"`
		}
		err = json.Unmarshal(body, &problem)
		a.Code, a.CommandID, a.OrderID = problem.Code, problem.CommandID, problem.OrderID
	default:
		return answer{}, unexpected(fmt.Sprintf("life %d answered %d: %s", l.number, a.http, body))
	}
	if err != nil {
		return answer{}, unexpected(fmt.Sprintf("life %d answered %q: %v", l.number, body, err))
	}
	return a, nil
}

// repeat asks every nth write again, of which all are decided by now.
func (c *customers) repeat(nth int) (broken []string) {
	for i, w := range c.ledger.all() {
		if i%nth != 0 || len(w.answers) == 0 {
			continue
		}
		_, a, err := c.ask(context.Background(), w, 0, false)
		if err != nil {
			broken = append(broken, fmt.Sprintf("%s with key %s, repeated: %v", w.command, w.key, err))
			continue
		}
		c.ledger.answered(w, a)
	}
	return broken
}
