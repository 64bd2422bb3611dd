// Command millrace-bench puts a load on Millrace and prints what it carried, next
// to what the database and the broker under it give without Millrace.
//
// It starts the binary it is given on a fresh store and a fresh broker, drives it
// over HTTP in a closed loop (each client sends its next request when the last was
// answered) and then in an open loop (requests are due at fixed times), and
// measures the raw rates of the same machine in the same run, since rates drift and
// only ratios within one run compare. On a database of the MySQL family with
// RabbitMQ it also drives the program in textbook, which does the same as
// Watermill's documentation teaches it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options is what the command line says.
type options struct {
	binary, textbook string
	store, broker    string
	clients          string
	duration         time.Duration
	orders           int
	profiles         string
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/millrace", "the service to measure; empty to measure only the textbook")
	flag.StringVar(&o.textbook, "textbook", "bin/millrace-textbook", "the program to compare with on MySQL and RabbitMQ; empty for none")
	flag.StringVar(&o.store, "store", "sqlite", "sqlite, mariadb, mysql or mysql://USER:PASSWORD@HOST:PORT/DATABASE, whose user may create databases")
	flag.StringVar(&o.broker, "broker", "memory:", "memory:, rabbitmq, rabbitmq3, amqp://USER:PASSWORD@HOST:PORT/, whose user may create virtual hosts, or an address that Millrace knows")
	flag.StringVar(&o.clients, "clients", "1,16,64", "numbers of concurrent clients")
	flag.DurationVar(&o.duration, "duration", 8*time.Second, "how long each measurement takes")
	flag.IntVar(&o.orders, "orders", 5000, "how many orders the comparison with the textbook takes")
	flag.StringVar(&o.profiles, "profile", "", "a folder for the service's processor profile under the most clients")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(os.Stdout, o)
	if err == nil {
		err = b.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "millrace-bench:", err)
		os.Exit(1)
	}
}

// newBench makes a benchmark of what the command line says, which it checks.
func newBench(out io.Writer, o options) (*bench, error) {
	store, _, _ := strings.Cut(o.store, ":")
	broker, _, _ := strings.Cut(o.broker, ":")
	b := &bench{out: out, name: store + "-" + broker, binary: o.binary, duration: o.duration, orders: o.orders, profiles: o.profiles}
	var err error
	if b.clients, err = counts(o.clients); err != nil {
		return nil, err
	}
	if b.newStore, err = storeKind(o.store, os.Getenv); err != nil {
		return nil, err
	}
	if b.newBroker, err = brokerKind(o.broker, os.Getenv); err != nil {
		return nil, err
	}
	if o.store != "sqlite" && (strings.HasPrefix(o.broker, "rabbitmq") || strings.HasPrefix(o.broker, "amqp:")) {
		b.textbook = o.textbook
	}
	return b, nil
}

// counts reads numbers of clients and returns them in order.
func counts(list string) ([]int, error) {
	var all []int
	for _, word := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--clients: %q is not a number of clients", word)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return all, nil
}
