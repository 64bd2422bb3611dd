package main

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/adminapi"
)

// managers are all process managers, and which of them this process runs.
func (c *config) managers() []adminapi.Manager {
	all := []adminapi.Manager{
		{Name: process.CheckoutName, Role: "processes"},
		{Name: process.CashierName, Role: "payments"},
		{Name: process.KitchenName, Role: "restaurant"},
	}
	for i, m := range all {
		all[i].Here = c.has(m.Role)
	}
	return all
}

// addProcesses brings orders to their end.
func (a *assembly) addProcesses() error {
	return runProcess(a, process.NewCheckout(a.config.patience()), gatherStreams)
}

// addPayments takes money and gives it back.
func (a *assembly) addPayments() error {
	a.config.warnOfPlayMoney(a.log)
	g, err := gateway.Open(context.Background(), a.config.gatewayAddress(), gateway.Config{
		SlowAnswer: a.config.SlowPayment, Timeout: a.config.GatewayTimeout, Log: a.log,
	})
	if err != nil {
		return fmt.Errorf("MILLRACE_GATEWAY: %w", err)
	}
	a.gateway = g
	codec, err := es.NewCodec(payment.Catalogue(), payment.Event.EventType)
	if err != nil {
		return err
	}
	carryOut(a, command.ForPayments(), command.NewHandler(command.NewPayments(executor(a, codec)), a.commands))
	return runProcess(a, process.NewCashier(a.till()), oneByOne)
}

// till is what the cashier works with.
func (a *assembly) till() process.Till {
	return process.Till{Gateway: a.metrics.gateway.decorate(a.gateway), Now: time.Now, Backoff: 500 * time.Millisecond, MaxBackoff: 30 * time.Second}
}

// addRestaurant opens tickets and answers them.
func (a *assembly) addRestaurant() error {
	codec, err := es.NewCodec(ticket.Catalogue(), ticket.Event.EventType)
	if err != nil {
		return err
	}
	carryOut(a, command.ForTickets(), command.NewHandler(command.NewTickets(executor(a, codec)), a.commands))
	return runProcess(a, process.NewKitchen(a.config.houseRule()), gatherStreams)
}

// executor is what executors of all kinds of aggregates have in common.
func executor[E es.Event](a *assembly, codec *es.Codec[E]) es.ExecutorConfig[E] {
	return es.ExecutorConfig[E]{
		Store: a.store, Journal: a.store, Codec: codec, Now: time.Now, NewID: newID, Retries: 20, Warm: 20_000,
	}
}

// carryOut feeds commands for one kind of aggregate to their handler.
func carryOut[C es.Command](a *assembly, all []C, handle command.Handler) {
	handle = command.Decorate(handle, announce(a.outcomes, a.appended), a.metrics.commands, logCommands(a.log))
	for _, c := range all {
		a.router.HandleCommands(c.CommandType(), a.config.Concurrency, handle)
	}
}

// timersEvery is how often to look for timers that are due.
const timersEvery = 250 * time.Millisecond

// runProcess runs the processes of one kind, with their timers.
func runProcess[S es.Folded[S, es.Event]](a *assembly, p es.Process[S], catchUp func(streams) func(context.Context, string) error) error {
	events, err := process.NewCodec()
	if err != nil {
		return err
	}
	kept := sqlstore.Processes[S]{Store: a.store, Name: p.Name}
	a.metrics.processes(p.Name, kept.Counts)
	m := &es.Manager[S]{
		Process: p, Store: a.store, Events: events, Commands: a.commands,
		Processes: kept, Now: time.Now, Sent: a.sender.Hand, Log: a.log,
	}
	a.follow(p.Name, p.Events, a.store.ProcessProgress(p.Name, p.Events), byStream, catchUp(m.CatchUp))
	keeper := &es.Timekeeper{
		Name: p.Name, Due: kept.Due, Fire: a.metrics.timers(p.Name, m.Fire), Leader: a.leader("timers " + p.Name),
		Every: timersEvery, Now: time.Now, Log: a.log,
	}
	a.handlers = append(a.handlers, a.afterStart(keeper.Run))
	return nil
}

// streams catches up with some streams.
type streams = func(context.Context, ...es.Stream) error

// gatherStreams lets concurrent catch-ups share their queries. It is for processes
// that do not wait for others when they react.
func gatherStreams(run streams) func(context.Context, string) error {
	g := &es.Gatherer{Run: func(ctx context.Context, names []string) error {
		all := make([]es.Stream, len(names))
		for i, name := range names {
			all[i] = es.Stream(name)
		}
		return run(ctx, all...)
	}}
	return g.Do
}

// oneByOne lets each catch-up run by itself. It is for processes that wait for others.
func oneByOne(run streams) func(context.Context, string) error {
	return func(ctx context.Context, name string) error { return run(ctx, es.Stream(name)) }
}
