package es

import (
	"context"
	"sync"
)

// Gatherer turns calls for single aggregates into calls for many. While one
// batch is at work the next calls gather, and calls for the same aggregate become
// one, so that a burst of events costs one catch-up.
type Gatherer struct {
	// Run handles a batch. When it fails for more than one aggregate it is called
	// again for each alone, so that none fails for what another one did.
	Run func(ctx context.Context, ids []string) error

	mu      sync.Mutex
	running bool
	waiting map[string][]chan error
}

// Do handles one aggregate, as part of a batch, and returns how that went. It
// does not give up half-way: others may be in the same batch.
func (g *Gatherer) Do(ctx context.Context, id string) error {
	done := make(chan error, 1)
	g.mu.Lock()
	if g.waiting == nil {
		g.waiting = map[string][]chan error{}
	}
	g.waiting[id] = append(g.waiting[id], done)
	if !g.running {
		g.running = true
		go g.loop(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	return <-done
}

func (g *Gatherer) loop(ctx context.Context) {
	for {
		g.mu.Lock()
		batch := g.waiting
		g.waiting = nil
		g.running = len(batch) > 0
		g.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		g.run(ctx, batch)
	}
}

func (g *Gatherer) run(ctx context.Context, batch map[string][]chan error) {
	ids := make([]string, 0, len(batch))
	for id := range batch {
		ids = append(ids, id)
	}
	err := safely(func() error { return g.Run(ctx, ids) })
	for _, id := range ids {
		own := err
		if err != nil && len(ids) > 1 {
			own = safely(func() error { return g.Run(ctx, []string{id}) })
		}
		for _, done := range batch[id] {
			done <- own
		}
	}
}
