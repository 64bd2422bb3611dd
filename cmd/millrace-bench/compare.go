package main

import (
	"context"
	"fmt"
	"time"
)

// completed is how many orders a second went into the view.
type completed struct {
	created   float64 // of those that were only created
	submitted float64 // of those that were created and submitted
}

// complete creates n orders, waits until all are in the view, submits them and
// waits again. The clients do not submit an order as soon as it is created, because
// the textbook answers before it has decided, and would find no order to submit.
func complete(ctx context.Context, s *service, clients, n int, write func(c *client, path, body string) (outcome, error)) (completed, error) {
	warm := n / 10
	ids := make([]string, warm+n)
	phase := func(from, to int) (created, submitted time.Duration, err error) {
		begin := time.Now()
		err = fixedLoad(ctx, s.api, clients, to-from, func(c *client, i int) error {
			o, err := write(c, "/orders", newOrder)
			ids[from+i] = o.OrderID
			return err
		})
		if err != nil {
			return 0, 0, err
		}
		half, err := visible(ctx, s.store, "draft", to-from)
		if err != nil {
			return 0, 0, err
		}
		err = fixedLoad(ctx, s.api, clients, to-from, func(c *client, i int) error {
			_, err := write(c, "/orders/"+ids[from+i]+"/submit", "")
			return err
		})
		if err != nil {
			return 0, 0, err
		}
		last, err := visible(ctx, s.store, "submitted", to)
		return half.Sub(begin), last.Sub(begin), err
	}
	if _, _, err := phase(0, warm); err != nil {
		return completed{}, err
	}
	created, submitted, err := phase(warm, warm+n)
	return completed{float64(n) / created.Seconds(), float64(n) / submitted.Seconds()}, err
}

// ours measures Millrace, which answers when a command is carried out, or as the
// textbook does, when it has been taken.
func (b *bench) ours(ctx context.Context, decided bool) (completed, error) {
	write := func(c *client, path, body string) (outcome, error) { return c.post("/v1"+path, body) }
	if decided {
		write = func(c *client, path, body string) (outcome, error) {
			o, _, err := c.write("/v1"+path, body)
			return o, err
		}
	}
	var done completed
	err := b.serving(ctx, func(s *service) (err error) {
		done, err = complete(ctx, s, b.most(), b.orders, write)
		return err
	})
	return done, err
}

// theirs measures the textbook, which answers when a command is in its queue. It
// needs a database of the MySQL family and RabbitMQ.
func (b *bench) theirs(ctx context.Context) (completed, error) {
	var done completed
	err := b.freshly(ctx, func(st store, br broker) error {
		database, ok := st.(*mysqlStore)
		if !ok {
			return fmt.Errorf("the textbook cannot work with %s", st.address())
		}
		s, err := start(ctx, st, 1, b.textbook, "--database", database.dsn, "--broker", br.address())
		if err != nil {
			return err
		}
		if done, err = complete(ctx, s, b.most(), b.orders, (*client).post); err != nil {
			s.kill()
			return err
		}
		return s.stop()
	})
	return done, err
}
