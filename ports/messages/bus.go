package messages

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// Bus publishes commands and events by Watermill's buses.
type Bus struct {
	commands *cqrs.CommandBus
	events   *cqrs.EventBus
	letters  message.Publisher // between stores
	store    string
}

// BusConfig is what a Bus needs. Its publishers return only once the broker has the
// message.
type BusConfig struct {
	Store    string            // the id of the store that all messages come from
	Commands message.Publisher // takes no message that nobody has a queue for

	// Events takes such messages and forgets them: whoever wants them has another way
	// to get them. It is for events and for what stores tell each other.
	Events message.Publisher
	Log    watermill.LoggerAdapter
}

// NewBus returns a bus.
func NewBus(c BusConfig) (*Bus, error) {
	commands, err := cqrs.NewCommandBusWithConfig(c.Commands, cqrs.CommandBusConfig{
		GeneratePublishTopic: func(p cqrs.CommandBusGeneratePublishTopicParams) (string, error) {
			return CommandTopic(p.CommandName), nil
		},
		Marshaler: marshaler{c.Store},
		Logger:    c.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("make the command bus: %w", err)
	}
	events, err := cqrs.NewEventBusWithConfig(c.Events, cqrs.EventBusConfig{
		GeneratePublishTopic: func(cqrs.GenerateEventPublishTopicParams) (string, error) { return EventsTopic, nil },
		Marshaler:            marshaler{c.Store},
		Logger:               c.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("make the event bus: %w", err)
	}
	return &Bus{commands, events, c.Events, c.Store}, nil
}

// Send publishes a command.
func (b *Bus) Send(ctx context.Context, c es.Envelope) error {
	crash.Point("publish.before")
	err := b.commands.Send(ctx, &c)
	if err == nil {
		crash.Point("publish.after")
	}
	return err
}

// Publish publishes records: those of one stream in their order, those of several
// side by side, so that the broker can confirm them together.
func (b *Bus) Publish(ctx context.Context, records []es.Record) error {
	about := func() []string { return crash.Records(records) }
	crash.Point("relay.publish.before", about)
	lanes := map[es.Stream][]es.Record{}
	for _, r := range records {
		lanes[r.Stream] = append(lanes[r.Stream], r)
	}
	var work errgroup.Group
	for _, lane := range lanes {
		work.Go(func() error {
			for _, r := range lane {
				if err := b.events.Publish(ctx, &r); err != nil {
					return fmt.Errorf("publish %s version %d: %w", r.Stream, r.Version, err)
				}
			}
			return nil
		})
	}
	err := work.Wait()
	if err == nil {
		crash.Point("relay.publish.after", about)
	}
	return err
}
