package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
)

// countEvery is how often the processes of a store are counted at most, however many
// ask for it.
const countEvery = 15 * time.Second

// countProcesses counts a manager's processes.
type countProcesses func(ctx context.Context, overdue time.Time) (sqlstore.ProcessCounts, error)

// processes adds gauges of the processes of one manager.
func (m *metrics) processes(name string, count countProcesses) {
	c := &census{count: count}
	for _, gauge := range []struct {
		name, help string
		of         func(sqlstore.ProcessCounts) int
	}{
		{"millrace_processes_open", "Processes in the store that are not done.", func(n sqlstore.ProcessCounts) int { return n.Open }},
		{"millrace_processes_troubled", "Processes in the store that say that they need help.", func(n sqlstore.ProcessCounts) int { return n.Troubled }},
		{"millrace_processes_overdue", "Processes in the store with a timer that should have fired a minute ago.", func(n sqlstore.ProcessCounts) int { return n.Overdue }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: gauge.name, Help: gauge.help + " It is -1 if the store does not answer.",
			ConstLabels: prometheus.Labels{"process": name},
		}, func() float64 {
			n, err := c.latest()
			if err != nil {
				return -1
			}
			return float64(gauge.of(n))
		}))
	}
}

// census keeps what was counted last.
type census struct {
	count countProcesses

	mu   sync.Mutex
	at   time.Time
	last sqlstore.ProcessCounts
	err  error
}

// latest returns what was counted last, or counts again if that was long ago. A store
// that does not answer is not asked more often than any other.
func (c *census) latest() (sqlstore.ProcessCounts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) >= countEvery {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		c.last, c.err = c.count(ctx, time.Now().Add(-query.StuckAfter))
		c.at = time.Now()
	}
	return c.last, c.err
}

// timers decorates what fires the timers of a process.
func (m *metrics) timers(name string, next func(context.Context, string) error) func(context.Context, string) error {
	fired, failed := m.fired.WithLabelValues(name, "fired"), m.fired.WithLabelValues(name, "error")
	return func(ctx context.Context, id string) error {
		outcome := failed
		defer func() { // after a panic, too
			if ctx.Err() == nil {
				outcome.Inc()
			}
		}()
		err := next(ctx, id)
		if err == nil {
			outcome = fired
		}
		return err
	}
}
