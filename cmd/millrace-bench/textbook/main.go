// Command textbook is an order service as Watermill's documentation teaches it,
// for the benchmark to compare Millrace with.
//
// A request becomes a command, which cqrs.CommandBus publishes over RabbitMQ; its
// handler writes an event in one SQL transaction and publishes it by
// cqrs.EventBus; an event handler updates a view in another. Queues and exchanges
// are durable, messages persistent and publishes confirmed. Each command and each
// event handler has a queue of its own. To create an order and to submit it are two
// commands, two events and two changes of the view, as they are in Millrace.
//
// It is meant to be what a competent team writes: nothing in it is slow on purpose.
// It uses the settings that make it faster and that the documentation names, which
// are the pool of channels and the prefetch. It does not do what would take code
// beside the libraries, such as handling several messages of a queue at a time.
//
// It promises less than Millrace does, which makes its way shorter, not longer.
// Requests are answered 202 before anything is decided; an event is published after
// the commit, so that a crash in between loses it; nothing keeps the events of an
// order in order; there are no idempotency keys, processes, search and history.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var (
		database = flag.String("database", "", "the MySQL database, as user:password@tcp(host:port)/name; it has to be empty")
		broker   = flag.String("broker", "", "the RabbitMQ, as amqp://user:password@host:port/vhost")
		addr     = flag.String("http-addr", "127.0.0.1:0", "where to listen")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *database, *broker, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "textbook:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, database, broker, addr string) error {
	db, err := open(ctx, database)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	b, err := connect(broker, orders{db})
	if err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	handled := make(chan error, 1)
	go func() { handled <- b.router.Run(ctx) }()
	select {
	case <-b.router.Running():
	case err := <-handled:
		return errors.Join(errors.New("the handlers have not started"), err)
	}

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: routes(b.commands, orders{db}), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("  API      http://%s/orders\n", listener.Addr())

	select {
	case err = <-served:
	case err = <-handled: // also when ctx is done
	}
	enough, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(enough), b.router.Close(), b.close())
}
