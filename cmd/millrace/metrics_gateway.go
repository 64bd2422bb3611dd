package main

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/app/process"
)

// gatewayMetrics count and time what is asked of the gateway.
type gatewayMetrics struct {
	asked *prometheus.CounterVec
	took  *prometheus.HistogramVec
}

func newGatewayMetrics() gatewayMetrics {
	return gatewayMetrics{
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_gateway_requests_total",
			Help: "Requests to the gateway by outcome; unknown is one that it gave no answer to, or none that can be understood.",
		}, []string{"request", "outcome"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "millrace_gateway_seconds", Help: "How long the gateway takes for one request, with those that it does not answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}, []string{"request"}),
	}
}

// What became of a request to the gateway. Every one of them is there from the start,
// so that the first change can be seen, too.
var gatewayOutcomes = []string{"ok", "declined", "never_asked", "unknown", "abandoned"}

// decorate counts what is asked of a gateway.
func (m gatewayMetrics) decorate(next process.Gateway) process.Gateway {
	for _, request := range []string{"charge", "refund", "find_charge", "find_refund"} {
		m.took.WithLabelValues(request)
		for _, outcome := range gatewayOutcomes {
			m.asked.WithLabelValues(request, outcome)
		}
	}
	return meteredGateway{next, m}
}

// meteredGateway is a gateway whose requests are counted.
type meteredGateway struct {
	next    process.Gateway
	metrics gatewayMetrics
}

// Charge implements process.Gateway.
func (g meteredGateway) Charge(ctx context.Context, asked process.Charge) (reference string, err error) {
	return g.metrics.count(ctx, "charge", func() (string, error) { return g.next.Charge(ctx, asked) })
}

// Refund implements process.Gateway.
func (g meteredGateway) Refund(ctx context.Context, asked process.Refund) (reference string, err error) {
	return g.metrics.count(ctx, "refund", func() (string, error) { return g.next.Refund(ctx, asked) })
}

// FindCharge implements process.Gateway.
func (g meteredGateway) FindCharge(ctx context.Context, key string) (reference string, err error) {
	return g.metrics.count(ctx, "find_charge", func() (string, error) { return g.next.FindCharge(ctx, key) })
}

// FindRefund implements process.Gateway.
func (g meteredGateway) FindRefund(ctx context.Context, key string) (reference string, err error) {
	return g.metrics.count(ctx, "find_refund", func() (string, error) { return g.next.FindRefund(ctx, key) })
}

func (m gatewayMetrics) count(ctx context.Context, request string, ask func() (string, error)) (reference string, err error) {
	start := time.Now()
	reference, err = ask()
	m.took.WithLabelValues(request).Observe(time.Since(start).Seconds())
	m.asked.WithLabelValues(request, gatewayOutcome(ctx, err)).Inc()
	return reference, err
}

func gatewayOutcome(ctx context.Context, err error) string {
	_, declined := errors.AsType[process.Declined](err)
	switch {
	case err == nil:
		return "ok"
	case declined:
		return "declined"
	case errors.Is(err, process.ErrNeverAsked):
		return "never_asked"
	case ctx.Err() != nil:
		return "abandoned" // by us: the service is stopping
	}
	return "unknown"
}
