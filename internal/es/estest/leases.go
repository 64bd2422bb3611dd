package estest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
)

// TestLeases holds a store to what es.Leases promises.
func TestLeases(t *testing.T, open func(*testing.T) Store) {
	try(t, open, []trial{
		{"gives a free lease to whoever asks", freeLease},
		{"keeps the epoch when a lease is renewed", renewedLease},
		{"refuses a lease that somebody else holds", heldLease},
		{"extends a lease that is renewed", extendedLease},
		{"raises the epoch whenever a lease changes hands", passedLease},
		{"gives a lease to one of 16 who ask at once", contendedLease},
		{"keeps leases apart by their names", namedLeases},
		{"fences what the last holder forwards", fencedHolder},
	})
}

// short is a time to live that is over before anybody gets impatient.
const short = 20 * time.Millisecond

func acquired(t *testing.T, l es.Leases, name, holder string, ttl time.Duration) es.Lease {
	t.Helper()
	lease, err := l.Acquire(t.Context(), name, holder, ttl)
	must(t, err)
	if lease.Name != name || lease.Holder != holder || lease.Epoch <= 0 {
		t.Fatalf("%s got %+v for %s", holder, lease, name)
	}
	return lease
}

// takenOver waits until a lease has run out and takes it.
func takenOver(t *testing.T, l es.Leases, name, holder string, ttl time.Duration) es.Lease {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		lease, err := l.Acquire(t.Context(), name, holder, ttl)
		if err == nil {
			return lease
		}
		wantError(t, err, es.ErrFenced)
	}
	t.Fatalf("lease %s does not run out", name)
	return es.Lease{}
}

func freeLease(t *testing.T, s Store) {
	acquired(t, s, "relay", "a", time.Hour)
}

func renewedLease(t *testing.T, s Store) {
	first := acquired(t, s, "relay", "a", time.Hour)
	for range 3 {
		if again := acquired(t, s, "relay", "a", time.Hour); again != first {
			t.Fatalf("renewed, the lease is %+v, want %+v", again, first)
		}
	}
}

func heldLease(t *testing.T, s Store) {
	first := acquired(t, s, "relay", "a", time.Hour)
	for _, other := range []string{"b", "A", "a ", ""} {
		_, err := s.Acquire(t.Context(), "relay", other, time.Hour)
		wantError(t, err, es.ErrFenced)
	}
	if again := acquired(t, s, "relay", "a", time.Hour); again != first {
		t.Fatalf("after others asked for it the lease is %+v, want %+v", again, first)
	}
}

func extendedLease(t *testing.T, s Store) {
	acquired(t, s, "relay", "a", short)
	acquired(t, s, "clock", "a", short) // runs out when the first lease would have
	acquired(t, s, "relay", "a", time.Hour)
	takenOver(t, s, "clock", "b", time.Hour)
	_, err := s.Acquire(t.Context(), "relay", "b", time.Hour)
	wantError(t, err, es.ErrFenced)
}

func passedLease(t *testing.T, s Store) {
	last := acquired(t, s, "relay", "a", short)
	for i := range 5 {
		next := takenOver(t, s, "relay", []string{"b", "c", "a"}[i%3], short)
		if next.Epoch <= last.Epoch {
			t.Fatalf("the epoch went from %d to %d, want it to grow", last.Epoch, next.Epoch)
		}
		last = next
	}
}

func contendedLease(t *testing.T, s Store) {
	for round := range 20 {
		name := fmt.Sprint("job ", round)
		winner(t, together(16, func(i int) error {
			_, err := s.Acquire(t.Context(), name, fmt.Sprint("holder ", i), time.Hour)
			return err
		}), es.ErrFenced)
	}
}

func namedLeases(t *testing.T, s Store) {
	for i, name := range []string{"relay", "Relay", "relay ", "timers"} {
		acquired(t, s, name, fmt.Sprint("holder ", i), time.Hour)
	}
}

func fencedHolder(t *testing.T, s Store) {
	first := appended(t, s, newStream(), 0, 2)
	pending, err := s.Pending(t.Context(), 10)
	must(t, err)
	slept := acquired(t, s, "relay", "a", short)
	awake := takenOver(t, s, "relay", "b", time.Hour)

	// Both forward at once, beside others, so that they share transactions.
	errs := together(32, func(i int) error {
		if i%2 == 0 {
			return s.Forward(t.Context(), slept, pending)
		}
		_, _, err := s.Accept(t.Context(), envelope(rand.Text()))
		return err
	})
	for i, err := range errs {
		if i%2 == 0 {
			wantError(t, err, es.ErrFenced)
		} else {
			must(t, err)
		}
	}
	wantOutbox(t, s, first)
	wantFeed(t, s, nil)

	_, err = s.Acquire(t.Context(), "relay", "a", time.Hour)
	wantError(t, err, es.ErrFenced)
	must(t, s.Forward(t.Context(), awake, pending))
	wantFeed(t, s, first.Records)

	// Having had the lease before is not having it now, not even for its owner.
	for _, l := range []es.Lease{
		{Name: "relay", Holder: "b", Epoch: awake.Epoch - 1},
		{Name: "relay", Holder: "b", Epoch: awake.Epoch + 1},
		{Name: "relay", Holder: "a", Epoch: awake.Epoch},
		{Name: "timers", Holder: "b", Epoch: awake.Epoch},
		{},
	} {
		if err := s.Forward(t.Context(), l, pending); !errors.Is(err, es.ErrFenced) {
			t.Fatalf("forwarding with %+v says %v, want %v", l, err, es.ErrFenced)
		}
	}
	wantFeed(t, s, first.Records)
}
