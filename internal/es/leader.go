package es

import (
	"context"
	"fmt"
	"time"
)

// Leader holds a lease for as long as it is asked for, so that one process at a
// time does a job. It is for one goroutine.
type Leader struct {
	Leases Leases
	Name   string        // of the lease
	Holder string        // who this process is
	TTL    time.Duration // how long the lease lasts; it is extended after a third of that

	lease   Lease
	renewed time.Time
}

// Lead takes the lease or extends it. It returns ErrFenced while somebody else
// has it. Whoever works under the lease has its epoch checked where it matters:
// between Lead and then the lease may have passed on.
func (l *Leader) Lead(ctx context.Context) (Lease, error) {
	now := time.Now()
	if l.lease.Epoch > 0 && now.Sub(l.renewed) <= l.TTL/3 {
		return l.lease, nil
	}
	lease, err := l.Leases.Acquire(ctx, l.Name, l.Holder, l.TTL)
	if err != nil {
		l.Doubt()
		return Lease{}, fmt.Errorf("take the lease %s: %w", l.Name, err)
	}
	l.lease, l.renewed = lease, now
	return lease, nil
}

// Doubt lets the next Lead ask for the lease, however short ago it was taken.
func (l *Leader) Doubt() { l.lease = Lease{} }

// Leave gives the lease up, if this process has it, so that the next one need not
// wait for its end.
func (l *Leader) Leave(ctx context.Context) {
	if l.lease.Epoch == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = l.Leases.Acquire(ctx, l.Name, l.Holder, 0) // or it runs out by itself
	l.Doubt()
}
