package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/adminapi"
	"github.com/millrace/millrace/ports/httpapi"
	"github.com/millrace/millrace/ports/messages"
)

// millrace is the service, put together and ready to run.
type millrace struct {
	public     http.Handler
	admin      http.Handler
	router     *messages.Router
	handlers   []func(context.Context) error // each runs until its context is done, and so does the relay
	relay      func(context.Context) error
	endStreams func() // lets event streams end
	endWaits   func() // lets writes end that wait for their outcome
	store      *sqlstore.Store
	broker     *broker.Memory
}

// build puts the service together. This is the one place where the parts meet.
func build(ctx context.Context, c config, log *slog.Logger) (*millrace, error) {
	store, _, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	m, err := assemble(c, log, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return m, nil
}

func assemble(c config, log *slog.Logger, store *sqlstore.Store) (*millrace, error) {
	events, err := es.NewCodec(order.Catalogue(), order.Event.EventType)
	if err != nil {
		return nil, err
	}
	commands, err := command.NewCodec()
	if err != nil {
		return nil, err
	}
	holder, err := sqlstore.Holder(newID())
	if err != nil {
		return nil, err
	}
	var (
		logger   = watermillLog(log)
		carrier  = broker.NewMemory(broker.Config{Log: log})
		queues   = func(q messages.Queue) message.Subscriber { return carrier.Queue(broker.QueueConfig(q)) }
		metrics  = newMetrics(store)
		outcomes = &es.Notices[es.Outcome]{}
		seen     = &es.Notices[es.Version]{}
		moved    = &es.Notices[struct{}]{}
		appended = make(chan struct{}, 1)
		ended    = make(chan struct{})
		hurry    = make(chan struct{})
	)
	bus, err := messages.NewBus(carrier, logger)
	if err != nil {
		return nil, err
	}
	sender := &es.Sender{Journal: store, Publish: bus.Send, Log: log, Now: time.Now, Patience: 30 * time.Second}
	router, err := messages.NewRouter(messages.Config{
		Log: logger, Queues: queues, Retries: c.Retries, Backoff: c.Backoff, MaxBackoff: 10 * time.Second,
		Bury: undertaker{store, outcomes, log}.bury,
	})
	if err != nil {
		return nil, err
	}

	// Commands: from the broker to the aggregate, and the outcome back to who waits.
	handle := command.Decorate(
		command.NewHandler(command.NewOrders(es.ExecutorConfig[order.Event]{
			Store: store, Journal: store, Codec: events,
			Now: time.Now, NewID: newID, Retries: 20, Warm: 20_000,
		}), commands),
		announce(outcomes, appended), metrics.commands, logCommands(log),
	)
	for _, typed := range command.Catalogue() {
		router.HandleCommands(typed.CommandType(), c.Concurrency, handle)
	}

	// Events: from the outbox to the broker and the feed, and on to views and processes.
	relay := &es.Relay{
		Outbox: store, Leases: store, Holder: holder, Publish: bus.Publish, Wake: appended,
		Moved: func() { moved.Post(httpapi.FeedNews, struct{}{}) },
		Log:   log, Batch: 500, Idle: time.Second, TTL: 10 * time.Second,
	}
	m := &millrace{router: router, store: store, broker: carrier, endStreams: func() { close(ended) }, endWaits: func() { close(hurry) }}
	m.handlers = append(m.handlers, router.Run, afterStart(router, sender.Run))
	m.relay = afterStart(router, relay.Run)
	follow := func(name string, types []string, progress es.Progress, catchUp func(context.Context, string) error) {
		catchUp = metrics.events(name, catchUp)
		router.HandleEvents(name, types, c.Concurrency, catchUp)
		f := &es.Follower{Name: name, Progress: progress, Feed: store, CatchUp: catchUp, Concurrency: 16, Every: 5 * time.Second, Log: log}
		m.handlers = append(m.handlers, afterStart(router, f.Run))
	}
	follow("order-views", nil, store.OrderViewsProgress("order-views"), projector(store, events, seen))
	follow("checkout", process.CheckoutEvents(),
		store.ProcessProgress("checkout", command.Category, process.CheckoutEvents()),
		gathered(manager(store, events, sender, "checkout", process.CheckoutReactions(commands)).CatchUp,
			func(string, es.Version) {}))
	follow("payments", process.PaymentsEvents(),
		store.ProcessProgress("payments", command.Category, process.PaymentsEvents()),
		alone(manager(store, events, sender, "payments",
			process.PaymentsReactions(commands, &gateway.Simulator{SlowAnswer: c.SlowPayment})).CatchUp))

	views := sqlstore.OrderViews{Store: store}
	m.public, err = httpapi.New(httpapi.Config{
		Commands:  &es.Requester{Sender: sender, Outcomes: outcomes, Poll: 250 * time.Millisecond, Done: hurry},
		Codec:     commands,
		Outcomes:  store,
		Orders:    views,
		History:   &query.History{Category: command.Category, Store: store, Codec: events},
		Freshness: &query.Freshness{Orders: views, Seen: seen, Poll: 100 * time.Millisecond, Timeout: c.ViewTimeout},
		Feed:      store, FeedMoved: moved, Log: log, Now: time.Now, NewID: newID,
		MaxWrites: c.MaxWrites, Heartbeat: c.Heartbeat, Done: ended,
	})
	if err != nil {
		return nil, err
	}
	m.admin = adminapi.New(adminapi.Config{Metrics: metrics.registry, Ready: store.Ping})
	return m, nil
}

// watermillLog takes Watermill's log down a level: what it calls an error is tried
// again, and what becomes of that we log ourselves.
func watermillLog(log *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{
		slog.LevelError: slog.LevelWarn, slog.LevelInfo: slog.LevelDebug,
	})
}

// projector keeps the view of orders, and tells readers who wait for it.
func projector(store *sqlstore.Store, codec *es.Codec[order.Event], seen *es.Notices[es.Version]) func(context.Context, string) error {
	p := &es.Projector[query.Order, order.Event]{
		Category: command.Category, Store: store, Codec: codec, States: sqlstore.OrderViews{Store: store},
	}
	return gathered(p.CatchUp, seen.Post)
}

// manager runs a process.
func manager[S es.Folded[S, order.Event]](store *sqlstore.Store, codec *es.Codec[order.Event], sender *es.Sender, name string, react process.Reactions[S]) *es.Projector[S, order.Event] {
	return &es.Projector[S, order.Event]{
		Category: command.Category, Store: store, Codec: codec,
		States: sqlstore.Processes[S]{Store: store, Name: name}, React: react, Sent: sender.Hand,
	}
}

type catchUp = func(ctx context.Context, ids ...string) (map[string]es.Version, error)

// gathered lets concurrent catch-ups share their queries. It is for those that do
// no more than fold.
func gathered(run catchUp, reached func(id string, v es.Version)) func(context.Context, string) error {
	g := &es.Gatherer{Run: func(ctx context.Context, ids []string) error {
		versions, err := run(ctx, ids...)
		for id, v := range versions {
			reached(id, v)
		}
		return err
	}}
	return g.Do
}

// alone lets each catch-up run by itself. It is for those that wait for others.
func alone(run catchUp) func(context.Context, string) error {
	return func(ctx context.Context, id string) error {
		_, err := run(ctx, id)
		return err
	}
}

// afterStart holds a part back until the handlers have their queues, so that what
// it publishes finds somebody.
func afterStart(r *messages.Router, run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-r.Running():
			return run(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// newID returns a UUID of version 7. It grows with time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

func (m *millrace) close() error { return errors.Join(m.broker.Close(), m.store.Close()) }

// undertaker keeps messages that could not be handled.
type undertaker struct {
	store    *sqlstore.Store
	outcomes *es.Notices[es.Outcome]
	log      *slog.Logger
}

func (u undertaker) bury(ctx context.Context, l messages.Letter) error {
	err := u.store.Bury(ctx, sqlstore.DeadLetter{
		ID: es.DeriveID("dead-letter", l.Handler, l.Message.UUID), Handler: l.Handler, Topic: l.Topic,
		MessageID: l.Message.UUID, Payload: l.Message.Payload, Metadata: l.Message.Metadata,
		Error: l.Err.Error(), Attempts: l.Attempts, DiedAt: time.Now(),
	})
	if err != nil {
		return fmt.Errorf("bury message %s: %w", l.Message.UUID, err)
	}
	u.log.ErrorContext(ctx, "a message became a dead letter", "handler", l.Handler, "message", l.Message.UUID, "err", l.Err)
	if l.Command == nil {
		return nil
	}
	o := es.Outcome{
		CommandID: l.Command.ID, CommandType: l.Command.Type, Target: l.Command.Target, Status: es.StatusFailed,
		Problem: &es.Problem{Code: "command_failed", Detail: "the command could not be carried out; it is kept as a dead letter"},
	}
	err = u.store.Finish(ctx, o)
	if errors.Is(err, es.ErrDecided) { // it was carried out after all
		o, err = u.store.Outcome(ctx, l.Command.ID)
	}
	if err != nil {
		return fmt.Errorf("give command %s up: %w", l.Command.ID, err)
	}
	u.outcomes.Post(o.CommandID, o)
	return nil
}
