package messages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// Queue says what a handler reads.
type Queue struct {
	Group       string
	Concurrency int      // messages in flight at most
	Types       []string // which messages the queue need hold, by their type; none means all
	Lossy       bool     // whether a full queue may pass over messages
}

// Queues makes subscribers that read topics as a named group.
type Queues func(Queue) message.Subscriber

// Config says what to run.
type Config struct {
	Log    watermill.LoggerAdapter
	Queues Queues

	// Prefetch is how many messages a queue hands out at a time. Those that no
	// handler is working on wait for their turn or for their next try.
	Prefetch int

	// Retries is how often a failed message is tried again before it is buried.
	Retries int

	// Backoff is about the delay before the first retry. It grows with every
	// further one, up to about MaxBackoff.
	Backoff    time.Duration
	MaxBackoff time.Duration

	// Store is the id of the store that this process works on.
	Store string

	// Import brings an event of another store into this one. It returns false if it
	// could not yet be brought, and will be told of by others then.
	Import func(context.Context, es.Record) (bool, error)

	// Tell tells another store what became of its command.
	Tell func(ctx context.Context, store string, o es.Outcome) error

	// Bury keeps a message that could not be handled. When it fails the message
	// goes back to the broker.
	Bury func(context.Context, Letter) error
}

// Router feeds handlers from topics.
type Router struct {
	config Config
	router *message.Router
}

// NewRouter returns a router without handlers.
func NewRouter(c Config) (*Router, error) {
	r, err := message.NewRouter(message.RouterConfig{CloseTimeout: 30 * time.Second}, c.Log)
	if err != nil {
		return nil, fmt.Errorf("make the router: %w", err)
	}
	router := &Router{config: c, router: r}
	r.AddMiddleware(router.bury)
	return router, nil
}

// recovered turns a handler's panic into an error.
func recovered(handle message.NoPublishHandlerFunc) message.NoPublishHandlerFunc {
	safe := middleware.Recoverer(func(m *message.Message) ([]*message.Message, error) { return nil, handle(m) })
	return func(m *message.Message) error {
		_, err := safe(m)
		return err
	}
}

// add feeds a handler from a queue. The queue hands out more messages than are
// worked on: the others wait for their next try, or for a place.
func (r *Router) add(name, topic string, q Queue, handle message.NoPublishHandlerFunc) {
	working := q.Concurrency
	q.Concurrency = max(r.config.Prefetch, working)
	r.router.AddConsumerHandler(name, topic, r.config.Queues(q), r.retry(working, handle))
}

// HandleCommands feeds commands of a type to a handler. A command that another store
// has sent has that store told what became of it.
func (r *Router) HandleCommands(commandType string, concurrency int, handle func(context.Context, es.Envelope) (es.Outcome, error)) {
	topic := CommandTopic(commandType)
	r.add(topic, topic, Queue{Group: topic, Concurrency: concurrency}, func(m *message.Message) error {
		var c es.Envelope
		if err := (marshaler{r.config.Store}).Unmarshal(m, &c); err != nil {
			return errors.Join(errUnreadable, err)
		}
		if c.Type != commandType {
			return fmt.Errorf("%w: it is a %q", errUnreadable, c.Type)
		}
		o, err := handle(m.Context(), c)
		if err == nil && c.Origin != "" {
			err = r.config.Tell(m.Context(), c.Origin, o) // and again, with the outcome that is kept
		}
		if err == nil {
			crash.Point("ack.before")
		}
		return err
	})
}

// HandleEvents tells a handler what happened, if it is of one of the types; no types
// mean all. The message is only a hint: the handler reads what happened from the store,
// and its follower finds what no message told it. So a handler that is behind holds up
// nobody else. What happened in another store is brought into this one before.
func (r *Router) HandleEvents(name string, types []string, concurrency int, handle func(context.Context, es.Record) error) {
	group := EventsHandler(name)
	queue := Queue{Group: group, Concurrency: concurrency, Types: types, Lossy: true}
	r.add(group, EventsTopic, queue, func(m *message.Message) error {
		var e es.Record
		if err := (marshaler{r.config.Store}).Unmarshal(m, &e); err != nil {
			return errors.Join(errUnreadable, err)
		}
		if e.Stream == "" {
			return fmt.Errorf("%w: it has no %s", errUnreadable, headerStream)
		}
		if e.Metadata.Origin != "" {
			if here, err := r.config.Import(m.Context(), e); err != nil || !here {
				return err
			}
		}
		return handle(m.Context(), e)
	})
}

// bury keeps messages whose handler gave up.
func (r *Router) bury(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		produced, err := next(m)
		last, gaveUp := errors.AsType[*givenUp](err)
		if !gaveUp {
			return produced, err
		}
		l := Letter{
			Handler: message.HandlerNameFromCtx(m.Context()), Topic: message.SubscribeTopicFromCtx(m.Context()),
			Message: m, Err: last.error, Attempts: last.attempts,
		}
		if isLetter(l.Topic) {
			r.config.Log.Error("a message between stores could not be handled; whoever sent it asks again", last.error,
				watermill.LogFields{"topic": l.Topic, "message": m.UUID})
			return nil, nil
		}
		var c es.Envelope
		if unreadable := (marshaler{r.config.Store}).Unmarshal(m, &c); unreadable == nil && l.Topic != EventsTopic {
			l.Command = &c
		}
		if keep := r.config.Bury(context.WithoutCancel(m.Context()), l); keep != nil {
			return nil, errors.Join(err, keep)
		}
		return nil, nil
	}
}

// Run feeds the handlers until ctx is done, and then waits for those at work.
func (r *Router) Run(ctx context.Context) error {
	if len(r.router.Handlers()) == 0 { // Watermill's router ends with its last handler, and so never
		defer context.AfterFunc(ctx, func() { _ = r.router.Close() })() // which has nothing to wait for
	}
	return r.router.Run(ctx)
}

// Running returns a channel that is closed once every handler has its queue.
func (r *Router) Running() <-chan struct{} { return r.router.Running() }
