package main

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi"
	"github.com/millrace/millrace/ports/httpkit"
)

// roleNames are what MILLRACE_ROLES may hold.
var roleNames = []string{"api", "commands", "events", "relay", "processes", "payments", "restaurant"}

// How often a process looks for news that it has to get from the store: rarely if
// it makes most of it itself.
const (
	nearby  = 100 * time.Millisecond
	faraway = 20 * time.Millisecond
)

// compareEvery is how often to look for what no message has told of.
const compareEvery = 5 * time.Second

// lookEvery is how often to look for what a role brings about.
func (a *assembly) lookEvery(role string) time.Duration {
	if a.config.has(role) {
		return nearby
	}
	return faraway
}

// addAPI answers HTTP requests.
func (a *assembly) addAPI() error {
	ended, hurry := make(chan struct{}), make(chan struct{})
	a.endStreams, a.endWaits = func() { close(ended) }, func() { close(hurry) }
	versions := sqlstore.ViewVersions{Store: a.store}
	a.handlers = append(a.handlers,
		(&es.Lookout[es.Outcome]{News: a.outcomes, Ask: a.store.Outcomes, Every: a.lookEvery("commands"), Log: a.log}).Run,
		(&es.Lookout[es.Version]{News: a.seen, Ask: versions.Versions, Every: a.lookEvery("events"), Log: a.log}).Run,
		(&es.Lookout[struct{}]{News: a.moved, Ask: a.feedMoved(), Every: nearby, Log: a.log}).Run,
	)
	tickets, err := es.NewCodec(ticket.Catalogue(), ticket.Event.EventType)
	if err != nil {
		return err
	}
	a.writes = httpkit.NewWrites(httpkit.WritesConfig{
		Commands: &es.Requester{Sender: a.sender, Outcomes: a.outcomes, Poll: time.Second, Done: hurry},
		Codec:    a.commands, Log: a.log, Now: time.Now, NewID: newID, Max: a.config.MaxWrites,
	})
	a.public, err = httpapi.New(httpapi.Config{
		Writes:   a.writes,
		Outcomes: a.knownOutcomes(),
		Orders:   sqlstore.OrderViews{Store: a.store},
		History:  &query.History{Category: command.Category, Store: a.store, Codec: a.events},
		Payments: sqlstore.PaymentViews{Store: a.store},
		Tickets:  sqlstore.TicketViews{Store: a.store}, TicketHistory: &query.TicketHistory{Store: a.store, Codec: tickets},
		Freshness: &query.Freshness{Views: versions, Seen: a.seen, Poll: time.Second, Timeout: a.config.ViewTimeout},
		Feed:      a.store, FeedMoved: a.moved, Log: a.log, NewID: newID,
		Heartbeat: a.config.Heartbeat, Done: ended,
	})
	return err
}

// knownOutcomes answers what became of commands that the store has accepted.
func (a *assembly) knownOutcomes() httpkit.Outcomes {
	return httpkit.Outcomes{Journal: a.store, Payments: sqlstore.PaymentViews{Store: a.store}}
}

// feedMoved tells whether the feed has grown since it was last asked.
func (a *assembly) feedMoved() func(context.Context, []string) (map[string]struct{}, error) {
	var last es.Position
	return func(ctx context.Context, _ []string) (map[string]struct{}, error) {
		head, err := a.store.Head(ctx)
		if err != nil || head == last {
			return nil, err
		}
		last = head
		return map[string]struct{}{httpapi.FeedNews: {}}, nil
	}
}

// addCommands carries commands for orders out: from the broker to the aggregate, and
// the outcome back to who waits.
func (a *assembly) addCommands() error {
	carryOut(a, command.ForOrders(), command.NewHandler(command.NewOrders(executor(a, a.events)), a.commands))
	return nil
}

// addRelay brings events from the outbox to the broker and the feed, and sends
// those commands again that have no outcome.
func (a *assembly) addRelay() error {
	relay := &es.Relay{
		Outbox: a.store, Leader: a.leader("relay"), Publish: a.bus.Publish, Wake: a.appended,
		Moved: func() { a.moved.Post(httpapi.FeedNews, struct{}{}) },
		Log:   a.log, Batch: 500, Idle: a.relayIdle(),
	}
	a.relay = append(a.relay, a.afterStart(relay.Run))
	a.handlers = append(a.handlers, a.afterStart(a.sender.Run))
	return nil
}

// relayIdle is how long the relay waits for word of an append: nobody tells it of
// those that other processes make.
func (a *assembly) relayIdle() time.Duration {
	if a.config.has("commands") {
		return nearby
	}
	return faraway
}

// addEvents keeps the views.
func (a *assembly) addEvents() error {
	return errors.Join(
		keepView(a, command.Category, order.Catalogue(), sqlstore.OrderViews{Store: a.store}),
		keepView(a, payment.Category, payment.Catalogue(), sqlstore.PaymentViews{Store: a.store}),
		keepView(a, ticket.Category, ticket.Catalogue(), sqlstore.TicketViews{Store: a.store}),
	)
}

// keepView keeps the view of what is of one category, and tells who waits for it.
func keepView[V es.Folded[V, E], E es.Event](a *assembly, category string, events []E, states es.States[V]) error {
	codec, err := es.NewCodec(events, E.EventType)
	if err != nil {
		return err
	}
	types := make([]string, len(events))
	for i, e := range events {
		types[i] = e.EventType()
	}
	p := &es.Projector[V, E]{Category: category, Store: a.store, Codec: codec, States: states}
	name := category + "-views"
	a.follow(name, types, a.store.ViewProgress(name, category, category+"_views"), byID, gathered(p.CatchUp, func(id string, v es.Version) {
		a.seen.Post(string(es.StreamOf(category, id)), v)
	}))
	return nil
}

// byID and byStream are what handlers name aggregates by: views by their ids, processes,
// which follow several categories, by their streams.
func byID(s es.Stream) string     { return s.ID() }
func byStream(s es.Stream) string { return string(s) }

// follow lets a handler catch up whenever something happens, and sees to it that
// it misses nothing.
func (a *assembly) follow(name string, types []string, progress es.Progress, by func(es.Stream) string, catchUp func(context.Context, string) error) {
	catchUp = a.metrics.events(name, catchUp)
	a.router.HandleEvents(name, types, a.config.Concurrency, func(ctx context.Context, r es.Record) error {
		return catchUp(ctx, by(r.Stream))
	})
	a.want(name, types)
	f := &es.Follower{
		Name: name, Progress: progress, Feed: a.store, Leader: a.leader("follow " + name), CatchUp: catchUp,
		Concurrency: 16, Every: compareEvery, Log: a.log,
	}
	a.handlers = append(a.handlers, a.afterStart(f.Run))
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
