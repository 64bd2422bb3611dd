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

	// Retries is how often a failed message is tried again before it is buried.
	Retries int

	// Backoff is about the delay before the first retry. It grows with every
	// further one, up to about MaxBackoff.
	Backoff    time.Duration
	MaxBackoff time.Duration

	// Bury keeps a message that could not be handled. When it fails the message
	// goes back to the broker.
	Bury func(context.Context, Letter) error
}

// Letter is a message that a handler gave up on.
type Letter struct {
	Handler  string
	Topic    string
	Message  *message.Message
	Command  *es.Envelope // set if the message is a command
	Err      error
	Attempts int
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
	r.AddMiddleware(
		middleware.CorrelationID,
		router.bury, // outside of the retries: it is for what they do not mend
		middleware.Retry{
			MaxRetries:          c.Retries,
			InitialInterval:     c.Backoff,
			MaxInterval:         c.MaxBackoff,
			Multiplier:          2,
			RandomizationFactor: 0.2,
			ResetContextOnRetry: true,
			ShouldRetry:         func(p middleware.RetryParams) bool { return !errors.Is(p.Err, errUnreadable) },
			Logger:              c.Log,
		}.Middleware,
		middleware.Recoverer,
	)
	return router, nil
}

// errUnreadable says that a message does not hold what it should. Trying again
// does not help.
var errUnreadable = errors.New("the message cannot be read")

// HandleCommands feeds commands of a type to a handler.
func (r *Router) HandleCommands(commandType string, concurrency int, handle func(context.Context, es.Envelope) (es.Outcome, error)) {
	topic := CommandTopic(commandType)
	r.router.AddConsumerHandler(topic, topic, r.config.Queues(Queue{Group: topic, Concurrency: concurrency}), func(m *message.Message) error {
		var c es.Envelope
		if err := (marshaler{}).Unmarshal(m, &c); err != nil {
			return errors.Join(errUnreadable, err)
		}
		_, err := handle(m.Context(), c)
		if err == nil {
			crash.Point("ack.before")
		}
		return err
	})
}

// HandleEvents tells a handler that something happened to an aggregate, if it is
// of one of the types; no types mean all. The message is only a hint: the handler
// reads what happened from the store, and its follower finds what no message told
// it. So a handler that is behind holds up nobody else.
func (r *Router) HandleEvents(name string, types []string, concurrency int, catchUp func(ctx context.Context, id string) error) {
	group := EventsTopic + "." + name
	queue := Queue{Group: group, Concurrency: concurrency, Types: types, Lossy: true}
	r.router.AddConsumerHandler(group, EventsTopic, r.config.Queues(queue), func(m *message.Message) error {
		id := m.Metadata.Get(headerSubject)
		if id == "" {
			return fmt.Errorf("%w: it has no %s", errUnreadable, headerSubject)
		}
		return catchUp(m.Context(), id)
	})
}

// bury keeps messages whose handler gave up.
func (r *Router) bury(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		produced, err := next(m)
		if err == nil || m.Context().Err() != nil {
			return produced, err
		}
		l := Letter{
			Handler: message.HandlerNameFromCtx(m.Context()), Topic: message.SubscribeTopicFromCtx(m.Context()),
			Message: m, Err: err, Attempts: r.config.Retries + 1,
		}
		if c, unreadable := unmarshalCommand(m); unreadable == nil && l.Topic != EventsTopic {
			l.Command = &c
		}
		if keep := r.config.Bury(context.WithoutCancel(m.Context()), l); keep != nil {
			return nil, errors.Join(err, keep)
		}
		return nil, nil
	}
}

// Run feeds the handlers until ctx is done, and then waits for those at work.
func (r *Router) Run(ctx context.Context) error { return r.router.Run(ctx) }

// Running returns a channel that is closed once every handler has its queue.
func (r *Router) Running() <-chan struct{} { return r.router.Running() }
