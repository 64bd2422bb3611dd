package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/messages"
)

// undertaker keeps messages that could not be handled. The store has them; a
// broker with queues to look at shows them.
type undertaker struct {
	store    *sqlstore.Store
	broker   broker.Broker
	bus      *messages.Bus
	outcomes *es.Notices[es.Outcome]
	log      *slog.Logger
}

func (u undertaker) bury(ctx context.Context, l messages.Letter) error {
	now := time.Now()
	u.show(ctx, l, now) // first, or somebody may discard the letter before it is there
	err := u.store.Bury(ctx, sqlstore.DeadLetter{
		ID: l.ID(), Handler: l.Handler, Topic: l.Topic,
		MessageID: l.Message.UUID, Payload: l.Message.Payload, Metadata: l.Message.Metadata,
		Error: l.Err.Error(), Attempts: l.Attempts, DiedAt: now,
	})
	if err != nil {
		return fmt.Errorf("bury message %s: %w", l.Message.UUID, err)
	}
	u.log.ErrorContext(ctx, "a message became a dead letter", "id", l.ID(), "handler", l.Handler, "message", l.Message.UUID, "err", l.Err)
	if l.Command == nil {
		return nil
	}
	return u.fail(ctx, l.Command)
}

// fail gives a command its outcome, which its sender is told.
func (u undertaker) fail(ctx context.Context, c *es.Envelope) error {
	o := es.Outcome{
		CommandID: c.ID, CommandType: c.Type, Target: c.Target, Status: es.StatusFailed,
		Problem: &es.Problem{Code: "command_failed", Detail: "the command could not be carried out; it is kept as a dead letter"},
	}
	err := u.store.Finish(ctx, o)
	if errors.Is(err, es.ErrDecided) { // it was carried out after all
		o, err = u.store.Outcome(ctx, c.ID)
	}
	if err != nil {
		return fmt.Errorf("give command %s up: %w", c.ID, err)
	}
	u.outcomes.Post(o.CommandID, o)
	if c.Origin == "" {
		return nil
	}
	return u.bus.Tell(ctx, c.Origin, o)
}

// shelf is a broker whose queues people look at.
type shelf interface {
	broker.Broker

	// Remove takes a message out of a queue, if it is there.
	Remove(ctx context.Context, queue, messageID string) (bool, error)
}

// show puts a letter into a queue for those who look at the broker.
func (u undertaker) show(ctx context.Context, l messages.Letter, at time.Time) {
	if _, ok := u.broker.(shelf); !ok {
		return
	}
	topic := messages.DeadLettersTopic(l.Handler)
	queue := u.broker.Queue(broker.QueueConfig{Group: topic})
	err := queue.(message.SubscribeInitializer).SubscribeInitialize(topic)
	if err == nil {
		m := l.Shown(at)
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		m.SetContext(ctx)
		err = u.broker.Publish(topic, m)
	}
	if err = errors.Join(err, queue.Close()); err != nil {
		u.log.WarnContext(ctx, "show a dead letter, which the store has kept", "id", l.ID(), "err", err)
	}
}
