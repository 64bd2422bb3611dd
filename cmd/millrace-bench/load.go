package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// result is what a load saw.
type result struct {
	latencies []time.Duration
	took      time.Duration
}

func (r result) rate() float64 { return float64(len(r.latencies)) / r.took.Seconds() }

func (r result) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	slices.Sort(r.latencies)
	return r.latencies[min(int(q*float64(len(r.latencies))), len(r.latencies)-1)]
}

// flow is what one client does in a row. It returns how long its writes took.
type flow func(*client) ([]time.Duration, error)

// load lets clients run a flow over and over for a time.
func load(ctx context.Context, addr string, clients int, duration time.Duration, run flow) (result, error) {
	var (
		mu    sync.Mutex
		total result
		first error
		wg    sync.WaitGroup
		start = time.Now()
		end   = start.Add(duration)
	)
	for range clients {
		wg.Go(func() {
			mine, err := loop(ctx, addr, end, run)
			mu.Lock()
			defer mu.Unlock()
			total.latencies = append(total.latencies, mine...)
			if first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	total.took = time.Since(start)
	return total, first
}

func loop(ctx context.Context, addr string, end time.Time, run flow) ([]time.Duration, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	var all []time.Duration
	for time.Now().Before(end) && ctx.Err() == nil {
		took, err := run(c)
		if err != nil {
			return all, err
		}
		all = append(all, took...)
	}
	return all, ctx.Err()
}

const newOrder = `{"customer_id":"c-42","email":"a@example.com","items":[` +
	`{"product_id":"p-1","title":"Margherita","description":"Tomato, mozzarella, basil","quantity":2,"unit_price":{"amount":950,"currency":"EUR"}},` +
	`{"product_id":"p-2","title":"Lemonade","quantity":1,"unit_price":{"amount":350,"currency":"EUR"}}],` +
	`"delivery_address":{"name":"A. Eater","line1":"Canal 1","postal_code":"1011 AB","city":"Amsterdam","country":"NL"}}`

// createAndSubmit makes an order and submits it: two commands.
func createAndSubmit(c *client) ([]time.Duration, error) {
	created, first, err := c.write("/v1/orders", newOrder)
	if err != nil {
		return nil, err
	}
	_, second, err := c.write("/v1/orders/"+created.OrderID+"/submit", "")
	return []time.Duration{first, second}, err
}

// createAndSee makes an order and reads it, and takes as long as both.
func createAndSee(c *client) ([]time.Duration, error) {
	start := time.Now()
	created, _, err := c.write("/v1/orders", newOrder)
	if err != nil {
		return nil, err
	}
	res, _, err := c.do("GET", "/v1/orders/"+created.OrderID, "Consistency-Token: "+created.token+"\r\n", "")
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("read your write: status %s", res.Status)
	}
	return []time.Duration{time.Since(start)}, err
}

// client is one connection. It is as plain as can be, because it shares the
// processors with the service that it measures.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	addr string
}

func dial(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn), addr}, nil
}

type outcome struct {
	OrderID string `json:"order_id"`
	Status  string `json:"status"`
	token   string
}

func (c *client) write(path, body string) (outcome, time.Duration, error) {
	start := time.Now()
	res, data, err := c.do("POST", path, "", body)
	took := time.Since(start)
	if err != nil {
		return outcome{}, took, err
	}
	var o outcome
	if err := json.Unmarshal(data, &o); err != nil {
		return o, took, fmt.Errorf("POST %s: %w", path, err)
	}
	if o.Status != "succeeded" {
		return o, took, fmt.Errorf("POST %s: status %s: %s", path, res.Status, data)
	}
	o.token = res.Header.Get("Consistency-Token")
	return o, took, nil
}

func (c *client) do(method, path, headers, body string) (*http.Response, []byte, error) {
	if body != "" {
		headers += "Content-Type: application/json\r\n"
	}
	_, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s", method, path, c.addr, headers, len(body), body)
	if err != nil {
		return nil, nil, err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(res.Body)
	return res, data, err
}
