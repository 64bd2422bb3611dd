package es

// Watched returns for how many keys somebody waits.
func (n *Notices[T]) Watched() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.waiting)
}
