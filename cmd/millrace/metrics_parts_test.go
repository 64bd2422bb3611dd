package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/process"
)

// parrot is a gateway that gives one answer to everything.
type parrot struct {
	err   error
	asked []any
}

// Charge implements process.Gateway.
func (p *parrot) Charge(_ context.Context, c process.Charge) (string, error) { return p.answer(c) }

// Refund implements process.Gateway.
func (p *parrot) Refund(_ context.Context, r process.Refund) (string, error) { return p.answer(r) }

// FindCharge implements process.Gateway.
func (p *parrot) FindCharge(_ context.Context, key string) (string, error) {
	return p.answer("charge " + key)
}

// FindRefund implements process.Gateway.
func (p *parrot) FindRefund(_ context.Context, key string) (string, error) {
	return p.answer("refund " + key)
}

func (p *parrot) answer(asked any) (string, error) {
	p.asked = append(p.asked, asked)
	return fmt.Sprint("answer ", len(p.asked)), p.err
}

func TestRequestsToTheGatewayAreCountedByWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	for want, test := range map[string]struct {
		ctx context.Context
		err error
	}{
		"ok":          {gone, nil},
		"declined":    {gone, fmt.Errorf("answer: %w", process.Declined{Reason: "card_declined"})},
		"never_asked": {gone, fmt.Errorf("answer: %w", process.ErrNeverAsked)},
		"unknown":     {t.Context(), context.DeadlineExceeded},
		"abandoned":   {gone, context.Canceled},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			m, p := newGatewayMetrics(), &parrot{err: test.err}
			g := m.decorate(p)
			charge, refund := process.Charge{Key: "k", Method: "tok_ok"}, process.Refund{Key: "l", Charge: "k"}
			for i, ask := range []func() (string, error){
				func() (string, error) { return g.Charge(test.ctx, charge) },
				func() (string, error) { return g.Refund(test.ctx, refund) },
				func() (string, error) { return g.FindCharge(test.ctx, "k") },
				func() (string, error) { return g.FindRefund(test.ctx, "l") },
			} {
				reference, err := ask()
				if reference != fmt.Sprint("answer ", i+1) || err != test.err {
					t.Errorf("answer %d is %q, %v; want it as the gateway gave it", i+1, reference, err)
				}
			}
			if want := []any{charge, refund, "charge k", "refund l"}; !slices.Equal(p.asked, want) {
				t.Errorf("the gateway was asked for %v, want %v", p.asked, want)
			}
			got := counted(t, m.asked)
			for _, request := range []string{"charge", "refund", "find_charge", "find_refund"} {
				for _, outcome := range gatewayOutcomes {
					n := 0.0
					if outcome == want {
						n = 1
					}
					if is, there := got[outcome+" "+request]; !there || is != n {
						t.Errorf("%s was %s %v times (there: %t), want %v", request, outcome, is, there, n)
					}
				}
			}
		})
	}
}

// counted returns what a counter has for the values of its labels, in the order of
// these.
func counted(t *testing.T, c *prometheus.CounterVec) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var values []string
			for _, label := range m.GetLabel() {
				values = append(values, label.GetValue())
			}
			all[strings.Join(values, " ")] = m.GetCounter().GetValue()
		}
	}
	return all
}

func TestProcessesAreCountedNotMoreOftenThanNeeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked int
		var err error
		c := &census{count: func(ctx context.Context, overdue time.Time) (sqlstore.ProcessCounts, error) {
			if ago := time.Since(overdue); ago != time.Minute {
				t.Errorf("overdue is what was due %s ago, want a minute", ago)
			}
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 5*time.Second {
				t.Errorf("the store may take until %v, want seconds", deadline)
			}
			asked++
			return sqlstore.ProcessCounts{Open: asked}, err
		}}
		errAway := errors.New("the store is away")
		for _, step := range []struct {
			later time.Duration
			away  error
			open  int
			want  error
		}{
			{0, nil, 1, nil},
			{14 * time.Second, nil, 1, nil},
			{time.Second, nil, 2, nil},
			{14 * time.Second, errAway, 2, nil},
			{time.Second, errAway, 3, errAway},
			{14 * time.Second, nil, 3, errAway},
			{time.Second, nil, 4, nil},
		} {
			time.Sleep(step.later)
			err = step.away
			for range 3 {
				if n, err := c.latest(); n.Open != step.open || err != step.want {
					t.Errorf("%s later it is %+v, error %v; want %d, error %v", step.later, n, err, step.open, step.want)
				}
			}
		}
	})
}

func TestProcessesAreMinusOneWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	m := &metrics{registry: prometheus.NewRegistry()}
	m.processes("checkout", func(context.Context, time.Time) (sqlstore.ProcessCounts, error) {
		return sqlstore.ProcessCounts{}, errors.New("away")
	})
	families, err := m.registry.Gather()
	if err != nil || len(families) != 3 {
		t.Fatalf("%d metrics, error %v; want 3", len(families), err)
	}
	for _, f := range families {
		if got := f.GetMetric()[0].GetGauge().GetValue(); got != -1 {
			t.Errorf("%s is %v, want -1", f.GetName(), got)
		}
	}
}
