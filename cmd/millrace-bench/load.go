package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const newOrder = `{"customer_id":"c-42","email":"a@example.com","items":[` +
	`{"product_id":"p-1","title":"Margherita","description":"Tomato, mozzarella, basil","quantity":2,"unit_price":{"amount":950,"currency":"EUR"}},` +
	`{"product_id":"p-2","title":"Lemonade","quantity":1,"unit_price":{"amount":350,"currency":"EUR"}}],` +
	`"delivery_address":{"name":"A. Eater","line1":"Canal 1","postal_code":"1011 AB","city":"Amsterdam","country":"NL"}}`

// flow is what one client does in a row. It returns how long its parts took.
type flow func(*client) ([]time.Duration, error)

// createAndSubmit makes an order and submits it: two commands.
func createAndSubmit(c *client) ([]time.Duration, error) {
	created, first, err := c.write("/v1/orders", newOrder)
	if err != nil {
		return nil, err
	}
	_, second, err := c.write("/v1/orders/"+created.OrderID+"/submit", "")
	return []time.Duration{first, second}, err
}

// createAndCheckOut makes an order and submits it with its payment: the service has it
// paid and accepted by the restaurant after that.
func createAndCheckOut(c *client) ([]time.Duration, error) {
	start := time.Now()
	created, _, err := c.write("/v1/orders", newOrder)
	if err == nil {
		_, _, err = c.write("/v1/orders/"+created.OrderID+"/submit", `{"payment_method":"tok_ok"}`)
	}
	return []time.Duration{time.Since(start)}, err
}

// createAndSee makes an order and reads it, and takes as long as both.
func createAndSee(c *client) ([]time.Duration, error) {
	start := time.Now()
	created, _, err := c.write("/v1/orders", newOrder)
	if err == nil {
		err = c.see(created)
	}
	return []time.Duration{time.Since(start)}, err
}

// closedLoop lets clients run a flow over and over for a time: each sends its next
// request when the last was answered.
func closedLoop(ctx context.Context, addr string, clients int, duration time.Duration, run flow) (result, error) {
	end := time.Now().Add(duration)
	return drive(ctx, addr, clients, func(c *client) ([]time.Duration, error) {
		if !time.Now().Before(end) {
			return nil, errDone
		}
		return run(c)
	})
}

// openLoop starts a flow so many times a second, whether or not those before it
// have been answered, as long as a connection is free. What it returns as latency
// counts from when the flow was due, so that what waits for a connection counts too.
func openLoop(ctx context.Context, addr string, perSecond float64, connections int, duration time.Duration, run flow) (result, error) {
	var (
		next  atomic.Int64
		start = time.Now()
	)
	return drive(ctx, addr, connections, func(c *client) ([]time.Duration, error) {
		after := time.Duration(float64(next.Add(1)) / perSecond * float64(time.Second))
		if after > duration {
			return nil, errDone
		}
		due := start.Add(after)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		_, err := run(c)
		return []time.Duration{time.Since(due)}, err
	})
}

// fixedLoad has clients do n pieces of work, each once.
func fixedLoad(ctx context.Context, addr string, clients, n int, work func(c *client, i int) error) error {
	var next atomic.Int64
	_, err := drive(ctx, addr, clients, func(c *client) ([]time.Duration, error) {
		i := int(next.Add(1)) - 1
		if i >= n {
			return nil, errDone
		}
		return nil, work(c, i)
	})
	return err
}

// errDone is how a flow says that there is nothing left to do.
var errDone = errors.New("done")

// drive lets every client run a flow until it is done or fails.
func drive(ctx context.Context, addr string, clients int, run flow) (result, error) {
	var (
		mu    sync.Mutex
		total result
		first error
		wg    sync.WaitGroup
		start = time.Now()
	)
	for range clients {
		wg.Go(func() {
			mine, err := repeat(ctx, addr, run)
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

func repeat(ctx context.Context, addr string, run flow) ([]time.Duration, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	var all []time.Duration
	for ctx.Err() == nil {
		took, err := run(c)
		if errors.Is(err, errDone) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, took...)
	}
	return all, ctx.Err()
}
