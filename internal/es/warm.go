package es

import "sync"

// warm remembers the state of aggregates that were used of late, so that the next
// command need not read their streams. It is a guess that the append proves: an
// expected version that is out of date is a conflict.
//
// It keeps two generations of at most half its size each. What is used moves into
// the young one; when that is full it becomes the old one, and the old one goes.
type warm[S any] struct {
	half int

	mu         sync.Mutex
	young, old map[Stream]S
}

func (w *warm[S]) get(s Stream) (state S, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if state, ok = w.young[s]; ok {
		return state, true
	}
	if state, ok = w.old[s]; ok {
		w.put(s, state)
	}
	return state, ok
}

func (w *warm[S]) keep(s Stream, state S) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(s, state)
}

func (w *warm[S]) put(s Stream, state S) {
	if len(w.young) >= w.half || w.young == nil {
		w.old, w.young = w.young, make(map[Stream]S, w.half)
	}
	w.young[s] = state
}

func (w *warm[S]) forget(s Stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.young, s)
	delete(w.old, s)
}
