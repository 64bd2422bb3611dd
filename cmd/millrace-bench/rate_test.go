package main

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestQuantileIsWhatSuchAShareDidNotExceed(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100-i) * time.Millisecond // the slowest first
	}
	for _, test := range []struct {
		name      string
		latencies []time.Duration
		q         float64
		want      time.Duration
	}{
		{"nothing", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.99, 7},
		{"the middle of three", []time.Duration{3, 1, 2}, 0.5, 2},
		{"half of a hundred", hundred, 0.5, 50 * time.Millisecond},
		{"99 of a hundred", hundred, 0.99, 99 * time.Millisecond},
		{"all of a hundred", hundred, 1, 100 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := (result{latencies: test.latencies}).quantile(test.q); got != test.want {
				t.Errorf("quantile %v is %v, want %v", test.q, got, test.want)
			}
		})
	}
}

func TestRateCountsWhatAllWorkersHaveDone(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	const duration = 50 * time.Millisecond
	got, err := rate(duration, 4, func(int) (int64, error) {
		<-time.After(time.Millisecond)
		calls.Add(1)
		return 10, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if most := float64(10*calls.Load()) / duration.Seconds(); got <= 0 || got > most {
		t.Errorf("the rate is %.0f, want at most %.0f, which is all calls in the shortest time", got, most)
	}
}

func TestRateReportsAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	if _, err := rate(time.Minute, 3, func(int) (int64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("the error is %v, want %v", err, broken)
	}
}
