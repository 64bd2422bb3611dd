package es

import (
	"maps"
	"slices"
	"sync"
)

// Notices passes news within a process to whoever waits for it. It is a
// short-cut, not a record: news that nobody waits for is dropped. The zero
// Notices is ready for use.
type Notices[T any] struct {
	mu      sync.Mutex
	waiting map[string]map[chan T]struct{}
}

// Watch returns a channel that holds the latest news for a key, and a function
// that ends the watch.
func (n *Notices[T]) Watch(key string) (news <-chan T, stop func()) {
	c := make(chan T, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting == nil {
		n.waiting = map[string]map[chan T]struct{}{}
	}
	if n.waiting[key] == nil {
		n.waiting[key] = map[chan T]struct{}{}
	}
	n.waiting[key][c] = struct{}{}
	return c, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.waiting[key], c)
		if len(n.waiting[key]) == 0 {
			delete(n.waiting, key)
		}
	}
}

// Post tells whoever watches a key. It never blocks.
func (n *Notices[T]) Post(key string, news T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.waiting[key] {
		select {
		case <-c: // older news makes room
		default:
		}
		c <- news
	}
}

// Keys returns what somebody waits for news of.
func (n *Notices[T]) Keys() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.waiting))
}
