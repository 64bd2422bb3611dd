package main

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// result is what a load saw.
type result struct {
	latencies []time.Duration
	took      time.Duration
}

func (r result) rate() float64 { return float64(len(r.latencies)) / r.took.Seconds() }

// quantile returns the latency that a share q of all did not exceed.
func (r result) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	slices.Sort(r.latencies)
	return r.latencies[max(0, int(math.Ceil(q*float64(len(r.latencies))))-1)]
}

// rate runs work from so many goroutines for a time and returns units a second.
// Work is told which of them it runs in.
func rate(duration time.Duration, workers int, work func(worker int) (int64, error)) (float64, error) {
	var (
		done  atomic.Int64
		first error
		once  sync.Once
		wg    sync.WaitGroup
		start = time.Now()
	)
	for worker := range workers {
		wg.Go(func() {
			for time.Since(start) < duration {
				n, err := work(worker)
				if err != nil {
					once.Do(func() { first = err })
					return
				}
				done.Add(n)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), first
}
