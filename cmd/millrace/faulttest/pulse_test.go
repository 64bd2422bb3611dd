package faulttest

import (
	"sync"
	"testing"
	"time"
)

// pulse notes how long this process was kept from running, which is how long the
// machine may have kept the service from it.
type pulse struct {
	mu    sync.Mutex
	stall time.Duration // the longest
}

// newPulse beats until the test is over.
func newPulse(t *testing.T) *pulse {
	const every = 100 * time.Millisecond
	p, over, stopped := &pulse{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-time.After(every):
				p.note(time.Since(last) - every)
			case <-over:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(over)
		<-stopped
		if stall := p.longest(); stall > time.Second {
			t.Logf("the machine has stood still for %v, by which answers may be later", stall.Round(time.Millisecond))
		}
	})
	return p
}

func (p *pulse) note(stall time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stall = max(p.stall, stall)
}

func (p *pulse) longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stall
}
