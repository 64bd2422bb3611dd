package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/adminapi"
	"github.com/millrace/millrace/ports/httpkit"
	"github.com/millrace/millrace/ports/messages"
)

// millrace is the service, put together and ready to run.
type millrace struct {
	public     http.Handler // nil unless it has the role api
	admin      http.Handler
	ready      <-chan struct{}               // closed once every handler has its queue
	handlers   []func(context.Context) error // each runs until its context is done, and so does the relay
	relay      []func(context.Context) error
	endStreams func() // lets event streams end
	endWaits   func() // lets writes end that wait for their outcome
	store      *sqlstore.Store
	broker     broker.Broker
	gateway    *gateway.Gateway // nil unless it has the role payments
}

// build puts the service together. It waits for a store that is not there yet.
func build(ctx context.Context, c config, log *slog.Logger) (*millrace, error) {
	store, err := awaitStore(ctx, c, log)
	if err != nil {
		return nil, err
	}
	m, err := assemble(ctx, c, log, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return m, nil
}

// assembly is the service while it is put together: what its parts share. There is
// a method for each role, in roles.go.
type assembly struct {
	*millrace
	config config
	log    *slog.Logger
	holder string // who this process is
	id     string // of the store, among others

	events   *es.Codec[order.Event]
	commands *command.Codec
	router   *messages.Router
	sender   *es.Sender
	writes   *httpkit.Writes // nil unless it has the role api
	bus      *messages.Bus
	metrics  *metrics
	importer *es.Importer // of events of other stores
	mirror   *es.Mirror

	outcomes *es.Notices[es.Outcome] // news of commands, of views and of the feed
	seen     *es.Notices[es.Version]
	moved    *es.Notices[struct{}]
	imported *es.Notices[es.Version]
	appended chan struct{} // wakes the relay
}

// assemble puts the service together. This is the one place where the parts meet.
func assemble(ctx context.Context, c config, log *slog.Logger, store *sqlstore.Store) (*millrace, error) {
	a, err := begin(ctx, c, log, store)
	if err != nil {
		return nil, err
	}
	rows, err := processRows(store)
	if err := errors.Join(err, a.addRoles()); err != nil {
		return nil, errors.Join(err, a.disconnect())
	}
	a.ready = a.router.Running()
	a.handlers = append(a.handlers, a.router.Run, a.afterStart(a.sender.Retry))
	ops := adminapi.Config{
		Metrics: a.metrics.registry, Ready: a.check, Writes: a.writes, Outcomes: a.knownOutcomes(), Log: a.log,
		Processes: rows, Retry: retryProcess(store), Now: time.Now,
		Managers: c.managers(), Roles: c.Roles,
	}
	if a.gateway != nil {
		ops.Gateway, ops.GatewayAt = a.gateway.Handler(), gateway.Shown(c.gatewayAddress())
	}
	a.admin = adminapi.New(ops)
	return a.millrace, nil
}

// begin makes what the parts share.
func begin(ctx context.Context, c config, log *slog.Logger, store *sqlstore.Store) (*assembly, error) {
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
	id, err := store.ID(ctx)
	if err != nil {
		return nil, err
	}
	a := &assembly{
		millrace: &millrace{store: store, endStreams: func() {}, endWaits: func() {}},
		config:   c, log: log, holder: holder, id: id, events: events, commands: commands, metrics: newMetrics(store),
		outcomes: &es.Notices[es.Outcome]{}, seen: &es.Notices[es.Version]{}, moved: &es.Notices[struct{}]{},
		appended: make(chan struct{}, 1),
	}
	if err := a.connect(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// addRoles adds the parts that this process is to have.
func (a *assembly) addRoles() error {
	for _, role := range []struct {
		name string
		add  func() error
	}{
		{"commands", a.addCommands}, {"events", a.addEvents}, {"processes", a.addProcesses},
		{"payments", a.addPayments}, {"restaurant", a.addRestaurant}, {"relay", a.addRelay}, {"api", a.addAPI},
	} {
		if !a.config.does(role.name) {
			continue
		}
		if err := role.add(); err != nil {
			return fmt.Errorf("role %s: %w", role.name, err)
		}
	}
	a.addLetters()
	return nil
}

// connect opens the broker, and makes what publishes to it and reads from it.
func (a *assembly) connect(ctx context.Context) (err error) {
	if a.broker, err = openBroker(ctx, a.config, a.store, a.log); err != nil {
		return err
	}
	logger := watermillLog(a.log)
	if a.bus, err = messages.NewBus(messages.BusConfig{Store: a.id, Commands: a.broker, Events: hints{a.broker}, Log: logger}); err != nil {
		return err
	}
	a.makeImporter()
	a.sender = &es.Sender{
		Journal: a.store, Publish: a.bus.Send, Log: a.log, Now: time.Now, Patience: a.config.ResendAfter,
		Leader: a.leader("resend"),
	}
	a.router, err = messages.NewRouter(messages.Config{
		Log:      logger,
		Queues:   func(q messages.Queue) message.Subscriber { return a.broker.Queue(broker.QueueConfig(q)) },
		Prefetch: a.config.Prefetch, Retries: a.config.Retries, Backoff: a.config.Backoff, MaxBackoff: 10 * time.Second,
		Store: a.id, Import: a.importer.Import, Tell: a.bus.Tell,
		Bury: undertaker{a.store, a.broker, a.bus, a.outcomes, a.log}.bury,
	})
	return err
}

// inStore is the address of a broker whose queues are in the store.
const inStore = "sql:"

// openBroker opens the broker at its address.
func openBroker(ctx context.Context, c config, store *sqlstore.Store, log *slog.Logger) (broker.Broker, error) {
	config := broker.Config{Client: clientName(c), Log: log}
	if c.Broker == inStore {
		return broker.NewSQL(sqlstore.Queues{Store: store}, config), nil
	}
	b, err := broker.Open(ctx, c.Broker, config)
	if err != nil {
		return nil, fmt.Errorf("MILLRACE_BROKER: %w", err)
	}
	return b, nil
}

// check tells what the service cannot do without right now.
func (m *millrace) check(ctx context.Context) error {
	if err := m.store.Ping(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := m.broker.Ping(ctx); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
}

func (m *millrace) close() error { return errors.Join(m.disconnect(), m.store.Close()) }

// disconnect lets go of all but the store.
func (m *millrace) disconnect() error {
	err := m.broker.Close()
	if m.gateway != nil {
		err = errors.Join(err, m.gateway.Close())
	}
	return err
}

// leader lets one process at a time do a job.
func (a *assembly) leader(job string) *es.Leader {
	return &es.Leader{Leases: a.store, Name: job, Holder: a.holder, TTL: a.config.Lease}
}

// afterStart holds a part back until the handlers have their queues, so that what
// it publishes finds somebody.
func (a *assembly) afterStart(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-a.router.Running():
			return run(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// hints publishes events, and what stores tell each other. What nobody has a queue for
// is no error: whoever wants it later reads it from the feed, or asks again.
type hints struct{ broker.Broker }

// Publish implements message.Publisher.
func (h hints) Publish(topic string, messages ...*message.Message) error {
	err := h.Broker.Publish(topic, messages...)
	if errors.Is(err, broker.ErrUnroutable) {
		return nil
	}
	return err
}

// clientName is what an operator sees of this process at the broker.
func clientName(c config) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("millrace %s (%s, process %d)", c.Roles, host, os.Getpid())
}

// watermillLog takes Watermill's log down a level: what it calls an error is tried
// again, and what becomes of that we log ourselves.
func watermillLog(log *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{
		slog.LevelError: slog.LevelWarn, slog.LevelInfo: slog.LevelDebug,
	})
}

// newID returns a UUID of version 7. It grows with time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
