package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// broker is what carries the messages of one service.
type broker interface {
	// address is what the service is told.
	address() string

	// describe tells product and version.
	describe(context.Context) (string, error)

	// raw measures publishes of an event's size that the broker has confirmed, so
	// many in flight, a second. It is 0 where there is nothing to measure.
	raw(ctx context.Context, inFlight int, duration time.Duration) (float64, error)

	// close throws away what the service has left there.
	close(context.Context) error
}

// brokerKind says how to make a fresh broker of the kind that was asked for.
func brokerKind(asked string, env func(string) string) (func(context.Context) (broker, error), error) {
	address, err := serverAddress(asked, env, "rabbitmq", "rabbitmq3")
	if err != nil {
		return nil, fmt.Errorf("--broker: %w", err)
	}
	if !strings.HasPrefix(address, "amqp://") {
		if scheme, _, ok := strings.Cut(address, ":"); !ok || scheme == "" {
			return nil, fmt.Errorf("--broker: %q is none of memory:, rabbitmq, rabbitmq3 and an address", asked)
		}
		return func(context.Context) (broker, error) { return otherBroker(address), nil }, nil
	}
	management, err := managementOf(address)
	if err != nil {
		return nil, fmt.Errorf("--broker: %w", err)
	}
	if given := env("MILLRACE_TEST_" + strings.ToUpper(asked) + "_MANAGEMENT"); given != "" {
		management = given
	}
	return func(ctx context.Context) (broker, error) { return newRabbitMQ(ctx, address, management) }, nil
}

// otherBroker is one that the benchmark knows nothing of but its address, such as
// memory:, which is part of the service. What the service leaves in it stays.
type otherBroker string

func (b otherBroker) address() string { return string(b) }

func (b otherBroker) describe(context.Context) (string, error) {
	scheme, rest, _ := strings.Cut(string(b), ":")
	if rest == "" {
		return string(b), nil
	}
	u, err := url.Parse(string(b))
	if err != nil {
		return scheme, nil // the rest may hold a password
	}
	return u.Redacted(), nil
}

func (otherBroker) raw(context.Context, int, time.Duration) (float64, error) { return 0, nil }
func (otherBroker) close(context.Context) error                              { return nil }
