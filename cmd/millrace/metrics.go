package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/internal/es"
)

// metrics counts and times what the handlers do, and what they ask of the gateway.
type metrics struct {
	registry *prometheus.Registry
	decided  *prometheus.CounterVec
	took     *prometheus.HistogramVec
	fired    *prometheus.CounterVec
	gateway  gatewayMetrics
}

func newMetrics(store *sqlstore.Store) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		decided: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_commands_total", Help: "Commands by type and outcome; an error is an attempt without one.",
		}, []string{"type", "outcome"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "millrace_handler_seconds", Help: "How long handlers take for one message.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"handler"}),
		fired: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_timers_total", Help: "How often timers of a process were fired; an error is an attempt that is made again.",
		}, []string{"process", "outcome"}),
		gateway: newGatewayMetrics(),
	}
	backlog := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "millrace_outbox_appends", Help: "Appends that have not been published yet; -1 if the store does not answer.",
	}, func() float64 {
		n, err := store.Backlog(context.Background())
		if err != nil {
			return -1
		}
		return float64(n)
	})
	m.registry.MustRegister(m.decided, m.took, m.fired, m.gateway.asked, m.gateway.took, backlog,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// commands is a decorator of the command handler.
func (m *metrics) commands(next command.Handler) command.Handler {
	return func(ctx context.Context, c es.Envelope) (es.Outcome, error) {
		start := time.Now()
		o, err := next(ctx, c)
		m.took.WithLabelValues(c.Type).Observe(time.Since(start).Seconds())
		outcome := string(o.Status)
		if err != nil {
			outcome = "error"
		}
		m.decided.WithLabelValues(c.Type, outcome).Inc()
		return o, err
	}
}

// events decorates an event handler.
func (m *metrics) events(name string, next func(context.Context, string) error) func(context.Context, string) error {
	took := m.took.WithLabelValues(name)
	return func(ctx context.Context, id string) error {
		start := time.Now()
		err := next(ctx, id)
		took.Observe(time.Since(start).Seconds())
		return err
	}
}
