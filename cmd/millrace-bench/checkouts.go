package main

import (
	"context"
	"errors"
	"time"
)

// checkouts are orders that were paid for and that the restaurant has accepted.
type checkouts struct {
	rate    float64       // into the view, a second
	lag     time.Duration // from the last answer until the last was visible
	steady  float64       // how many were due a second, in the open loop
	endured result        // from order.submitted until order.approved, in the open loop
}

// printCheckouts prints how many orders a second are paid and accepted at most, and
// how long that takes each of them at half of it.
func (b *bench) printCheckouts(ctx context.Context) error {
	var c checkouts
	if err := b.serving(ctx, func(s *service) error { return b.mostCheckouts(ctx, s, &c) }); err != nil {
		return err
	}
	if err := b.serving(ctx, func(s *service) error { return b.steadyCheckouts(ctx, s, &c) }); err != nil {
		return err
	}
	b.head("checkouts, clients", "approved into the view/s", "last visible after", "open loop, checkouts due/s", "submitted → approved p50", "p99")
	b.row(b.most(), whole(c.rate), ms(c.lag), whole(c.steady), ms(c.endured.quantile(0.5)), ms(c.endured.quantile(0.99)))
	return nil
}

func (b *bench) mostCheckouts(ctx context.Context, s *service, c *checkouts) error {
	warm, err := closedLoop(ctx, s.api, b.most(), b.duration/8, createAndCheckOut)
	if err != nil {
		return err
	}
	before := len(warm.latencies)
	if _, err := visible(ctx, s.store, "approved", before); err != nil {
		return err
	}
	begin := time.Now()
	profiled := b.profile(ctx, s, b.most(), "checkouts")
	load, err := closedLoop(ctx, s.api, b.most(), b.duration, createAndCheckOut)
	if err != nil {
		return err
	}
	answered, orders := time.Now(), len(load.latencies)
	last, err := visible(ctx, s.store, "approved", before+orders)
	c.rate, c.lag = float64(orders)/last.Sub(begin).Seconds(), last.Sub(answered)
	return errors.Join(err, <-profiled)
}

func (b *bench) steadyCheckouts(ctx context.Context, s *service, c *checkouts) error {
	c.steady = c.rate / 2
	load, err := openLoop(ctx, s.api, c.steady, openConnections, b.duration, createAndCheckOut)
	if err != nil {
		return err
	}
	if _, err := visible(ctx, s.store, "approved", len(load.latencies)); err != nil {
		return err
	}
	c.endured.latencies, err = s.store.between(ctx, "order.submitted", "order.approved")
	return err
}
