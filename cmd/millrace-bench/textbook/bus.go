package main

import (
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
)

// bus is the messaging, put together.
type bus struct {
	commands *cqrs.CommandBus
	router   *message.Router
	close    func() error
}

var marshaler = cqrs.JSONMarshaler{GenerateName: cqrs.StructName}

// connect makes the buses and subscribes the handlers to them.
func connect(broker string, o orders) (*bus, error) {
	log := watermill.NewSlogLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	queues := tuned(amqp.NewDurableQueueConfig(broker))
	commandPublisher, err := amqp.NewPublisher(queues, log)
	if err != nil {
		return nil, err
	}
	eventPublisher, err := amqp.NewPublisher(tuned(amqp.NewDurablePubSubConfig(broker, nil)), log)
	if err != nil {
		return nil, errors.Join(err, commandPublisher.Close())
	}
	b := &bus{close: func() error { return errors.Join(commandPublisher.Close(), eventPublisher.Close()) }}
	events, err := cqrs.NewEventBusWithConfig(eventPublisher, cqrs.EventBusConfig{
		GeneratePublishTopic: func(p cqrs.GenerateEventPublishTopicParams) (string, error) { return "events." + p.EventName, nil },
		Marshaler:            marshaler, Logger: log,
	})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.commands, err = cqrs.NewCommandBusWithConfig(commandPublisher, cqrs.CommandBusConfig{
		GeneratePublishTopic: func(p cqrs.CommandBusGeneratePublishTopicParams) (string, error) {
			return "commands." + p.CommandName, nil
		},
		Marshaler: marshaler, Logger: log,
	})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.router, err = newRouter(broker, log, events, o)
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// tuned lets a publisher wait until the broker has a message on disk. Without the
// pool it would open a channel for each, and without the prefetch a subscriber would
// wait for the network between two messages.
func tuned(c amqp.Config) amqp.Config {
	c.Publish.ConfirmDelivery = true
	c.Publish.ChannelPoolSize = 64
	c.Consume.Qos.PrefetchCount = 100
	return c
}

func newRouter(broker string, log watermill.LoggerAdapter, events *cqrs.EventBus, o orders) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, log)
	if err != nil {
		return nil, err
	}
	router.AddMiddleware(
		middleware.Retry{MaxRetries: 5, InitialInterval: 50 * time.Millisecond, Multiplier: 2, Logger: log}.Middleware,
		middleware.Recoverer,
	)
	commands, err := cqrs.NewCommandProcessorWithConfig(router, cqrs.CommandProcessorConfig{
		GenerateSubscribeTopic: func(p cqrs.CommandProcessorGenerateSubscribeTopicParams) (string, error) {
			return "commands." + p.CommandName, nil
		},
		SubscriberConstructor: func(cqrs.CommandProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return amqp.NewSubscriber(tuned(amqp.NewDurableQueueConfig(broker)), log)
		},
		Marshaler: marshaler, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	err = commands.AddHandlers(
		cqrs.NewCommandHandler("create-order", o.create(events)),
		cqrs.NewCommandHandler("submit-order", o.submit(events)),
	)
	if err != nil {
		return nil, err
	}
	views, err := cqrs.NewEventProcessorWithConfig(router, cqrs.EventProcessorConfig{
		GenerateSubscribeTopic: func(p cqrs.EventProcessorGenerateSubscribeTopicParams) (string, error) {
			return "events." + p.EventName, nil
		},
		SubscriberConstructor: func(p cqrs.EventProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			name := amqp.GenerateQueueNameTopicNameWithSuffix(p.HandlerName)
			return amqp.NewSubscriber(tuned(amqp.NewDurablePubSubConfig(broker, name)), log)
		},
		Marshaler: marshaler, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	return router, views.AddHandlers(
		cqrs.NewEventHandler("view-created", o.viewCreated),
		cqrs.NewEventHandler("view-submitted", o.viewSubmitted),
	)
}
