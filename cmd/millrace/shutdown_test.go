package main

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	contract "github.com/millrace/millrace/api/client"
)

func TestShutdownAnswersWhatItHasAccepted(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.transport.DisableKeepAlives = true // so that a lost answer is not taken for a connection that was idle
	c := s.client(t)

	const writers = 16
	var (
		answered atomic.Int64
		mu       sync.Mutex
		orders   = map[string]string{} // by key
		unsure   []string              // keys without an answer
		all      sync.WaitGroup
	)
	for w := range writers {
		all.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("writer-%d-%d", w, n)
				a, err := c.try(http.MethodPost, "/v1/orders", newOrder(), "Idempotency-Key: "+key)
				mu.Lock()
				if err != nil {
					unsure = append(unsure, key)
					mu.Unlock()
					return // nobody listens any more
				}
				if a.status != http.StatusCreated {
					t.Errorf("%s during the shutdown: %d %s, want 201", key, a.status, a.body)
				}
				orders[key] = a.header.Get("Location")
				mu.Unlock()
				answered.Add(1)
			}
		})
	}
	eventually(t, "the load runs", func() bool { return answered.Load() > 100 })
	s.stop()
	all.Wait()

	again := time.Now()
	s.run()
	c = s.client(t)
	for key, order := range orders {
		if got := c.post("/v1/orders", newOrder(), "Idempotency-Key: "+key).want(http.StatusCreated).header.Get("Location"); got != order {
			t.Errorf("%s made %s, and %s after the restart", key, order, got)
		}
		c.await(order, "in the view", func(contract.Order) bool { return true })
	}
	for _, key := range unsure {
		o := c.post("/v1/orders", newOrder(), "Idempotency-Key: "+key, "Prefer: return=representation").want(http.StatusCreated).order()
		if o.CreatedAt.Before(again) {
			t.Errorf("%s was accepted before the shutdown and never answered", key)
		}
	}
}

func TestShutdownEndsEventStreams(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	f := c.follow("", "Last-Event-ID: 0")
	c.create()
	f.types(1)
	begun := time.Now()
	s.stop()
	f.end()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the shutdown took %s with an open stream", took)
	}
}

func TestShutdownDoesNotWaitForASlowGateway(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config) { c.SlowPayment = time.Hour })
	c := s.client(t)
	order := c.create()
	c.post(order+"/submit", fields{"payment_method": "tok_slow"}).want(http.StatusOK)
	s.config.SlowPayment = time.Millisecond
	begun := time.Now()
	s.restart()
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("the restart took %s", took)
	}
	s.client(t).awaitStatus(order, "approved", "paid")
}

func TestAcceptedCommandsAreCarriedOutAfterARestart(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	var pending []string
	for range 50 {
		pending = append(pending, c.post("/v1/orders", newOrder(), "Prefer: respond-async").want(http.StatusAccepted).header.Get("Location"))
	}
	s.restart()
	c = s.client(t)
	for _, location := range pending {
		if o := awaitOutcome(c, location); o.Status != "succeeded" {
			t.Errorf("%s is %s, want succeeded", location, o.Status)
		}
	}
}

func TestTooManyWritesAreTurnedAway(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config) { c.MaxWrites = 1 })
	c := s.client(t)
	created, away := 0, 0
	for _, a := range atOnce(t, 64, func() (answer, error) { return c.try(http.MethodPost, "/v1/orders", newOrder()) }) {
		if a.status == http.StatusCreated {
			created++
			continue
		}
		a.wantHeader("Retry-After", "1").wantProblem(http.StatusServiceUnavailable, "overloaded")
		away++
	}
	if created == 0 || away == 0 {
		t.Errorf("%d writes went through and %d were turned away, want some of both", created, away)
	}
	c.create()
}
