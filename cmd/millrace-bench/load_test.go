package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"
)

// listening returns an address that takes connections and says nothing.
func listening(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // what it says no longer matters
	return l.Addr().String()
}

func TestOpenLoopCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	// 20 requests are due within 200 ms, and one connection needs 400 ms for them.
	const takes = 20 * time.Millisecond
	seen, err := openLoop(t.Context(), listening(t), 100, 1, 200*time.Millisecond, func(*client) ([]time.Duration, error) {
		<-time.After(takes)
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen.latencies) != 20 {
		t.Errorf("%d requests were made, want 20", len(seen.latencies))
	}
	if last := slices.Max(seen.latencies); last < 190*time.Millisecond {
		t.Errorf("the last request took %v, which leaves out what it waited for the connection", last)
	}
	if first := slices.Min(seen.latencies); first < takes {
		t.Errorf("the first request took %v, want at least %v", first, takes)
	}
}

func TestClosedLoopReportsEachWrite(t *testing.T) {
	t.Parallel()
	seen, err := closedLoop(t.Context(), listening(t), 2, 500*time.Millisecond, func(*client) ([]time.Duration, error) {
		<-time.After(time.Millisecond)
		return []time.Duration{1, 2}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(seen.latencies); n < 4 || n%2 != 0 || seen.took < 500*time.Millisecond {
		t.Errorf("%d latencies in %v, want two of each flow, for 500 ms", n, seen.took)
	}
}

func TestFixedLoadDoesEachPieceOnce(t *testing.T) {
	t.Parallel()
	done := make([]int, 100) // each piece belongs to one client
	err := fixedLoad(t.Context(), listening(t), 8, len(done), func(_ *client, i int) error {
		done[i]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range done {
		if n != 1 {
			t.Errorf("piece %d was done %d times", i, n)
		}
	}
}

func TestLoadsReportWhatBreaksThem(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	fail := func(*client) ([]time.Duration, error) { return nil, broken }
	if _, err := closedLoop(t.Context(), listening(t), 2, time.Minute, fail); !errors.Is(err, broken) {
		t.Errorf("the closed loop ends with %v, want %v", err, broken)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	idle := func(*client) ([]time.Duration, error) { return nil, nil }
	if _, err := closedLoop(canceled, listening(t), 2, time.Minute, idle); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted closed loop ends with %v", err)
	}
	if _, err := openLoop(canceled, listening(t), 1, 2, time.Minute, idle); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted open loop ends with %v", err)
	}
}
