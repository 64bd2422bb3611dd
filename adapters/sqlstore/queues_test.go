package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/queue"
)

var queueG = queue.Queue{Topic: "topic", Group: "g"}

// sharedQueues opens the queues of one file as two processes do.
func sharedQueues(t *testing.T) (one, two sqlstore.Queues) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	one, two = sqlstore.Queues{Store: openFile(t, path)}, sqlstore.Queues{Store: openFile(t, path)}
	if err := one.Declare(t.Context(), queueG); err != nil {
		t.Fatal(err)
	}
	return one, two
}

func putMessages(t *testing.T, q sqlstore.Queues, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := q.Put(t.Context(), "topic", []queue.Message{{ID: id}}); err != nil {
			t.Fatal(err)
		}
	}
}

// claimed claims as a holder, and returns what it got by its id.
func claimed(t *testing.T, q sqlstore.Queues, holder string, limit int, lease time.Duration) map[string]queue.Claimed {
	t.Helper()
	got, err := q.Claim(t.Context(), queue.Claim{Queue: queueG, Holder: holder, Limit: limit, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	byID := make(map[string]queue.Claimed)
	for _, m := range got {
		byID[m.ID] = m
	}
	return byID
}

func TestQueueGivesEachMessageToOneHolder(t *testing.T) {
	t.Parallel()
	one, two := sharedQueues(t)
	const messages = 300
	for i := range messages {
		putMessages(t, one, fmt.Sprint(i))
	}
	var (
		mu   sync.Mutex
		got  = map[string]int{}
		wait sync.WaitGroup
	)
	for h, q := range []sqlstore.Queues{one, two, one, two} {
		wait.Go(func() {
			for {
				c := queue.Claim{Queue: queueG, Holder: fmt.Sprint(h), Limit: 7, Lease: time.Hour}
				batch, err := q.Claim(t.Context(), c)
				if err != nil {
					t.Error(err)
				}
				if len(batch) == 0 {
					return
				}
				mu.Lock()
				for _, m := range batch {
					got[m.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	for id, n := range got {
		if n != 1 {
			t.Errorf("%s was claimed %d times, want once", id, n)
		}
	}
	if len(got) != messages {
		t.Errorf("%d messages were claimed, want %d", len(got), messages)
	}
}

func TestQueueGivesToOthersWhatTheirHolderHasLost(t *testing.T) {
	t.Parallel()
	one, two := sharedQueues(t)
	putMessages(t, one, "a", "b")
	lost := claimed(t, one, "one", 2, time.Millisecond)
	if len(lost) != 2 {
		t.Fatalf("claimed %d messages, want 2", len(lost))
	}
	var found map[string]queue.Claimed
	for deadline := time.Now().Add(5 * time.Second); len(found) < 2; {
		if time.Now().After(deadline) {
			t.Fatal("the lease does not end")
		}
		found = claimed(t, two, "two", 2, time.Hour)
	}
	// The first holder comes too late, whatever it says.
	seqs := []int64{lost["a"].Seq, lost["b"].Seq}
	err := errors.Join(
		one.Settle(t.Context(), queue.Settlement{Holder: "one", Acked: seqs[:1], Nacked: []queue.Nack{{Seq: seqs[1]}}}),
		one.Extend(t.Context(), "one", seqs, 0),
		one.Release(t.Context(), queueG, "one"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := claimed(t, one, "one", 2, time.Hour); len(got) > 0 {
		t.Errorf("the first holder got %v back", got)
	}
	if err := two.Release(t.Context(), queueG, "two"); err != nil {
		t.Fatal(err)
	}
	if got := claimed(t, one, "one", 2, time.Hour); len(got) != 2 || got["b"].Nacks != 0 {
		t.Errorf("got %v, want both without nacks", got)
	}
}

func TestQueueDeletesWhatWasAckedAndNothingElse(t *testing.T) {
	t.Parallel()
	one, _ := sharedQueues(t)
	putMessages(t, one, "acked", "nacked", "held")
	got := claimed(t, one, "one", 3, time.Hour)
	s := queue.Settlement{Holder: "one", Acked: []int64{got["acked"].Seq}, Nacked: []queue.Nack{{Seq: got["nacked"].Seq}}}
	if err := one.Settle(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	again := claimed(t, one, "one", 3, time.Hour)
	if len(again) != 1 || again["nacked"].Nacks != 1 {
		t.Errorf("claimed %v, want the nacked one", again)
	}
	if err := one.Release(t.Context(), queueG, "one"); err != nil {
		t.Fatal(err)
	}
	if all := claimed(t, one, "one", 3, time.Hour); len(all) != 2 {
		t.Errorf("released %v, want two messages", all)
	}
}

func TestQueueThatIsGoneSaysSo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	q, raw := sqlstore.Queues{Store: openFile(t, path)}, openRaw(t, path)
	ask := queue.Claim{Queue: queueG, Holder: "one", Limit: 1, Lease: time.Hour}
	for range 2 {
		if err := q.Put(t.Context(), "topic", []queue.Message{{ID: "a"}}); !errors.Is(err, queue.ErrNone) {
			t.Errorf("put without a queue: %v", err)
		}
		if _, err := q.Claim(t.Context(), ask); !errors.Is(err, queue.ErrNone) {
			t.Errorf("claim without a queue: %v", err)
		}
		if err := q.Release(t.Context(), queueG, "one"); err != nil {
			t.Errorf("release without a queue: %v", err)
		}
		if err := q.Declare(t.Context(), queueG); err != nil {
			t.Fatal(err)
		}
		putMessages(t, q, "a")
		execRaw(t, raw, "DELETE FROM queues", "DELETE FROM queue_messages")
	}
}

func TestQueuePutDoesNotWaitLongerThanItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	q, raw := sqlstore.Queues{Store: openFile(t, path)}, openRaw(t, path)
	if err := q.Declare(t.Context(), queueG); err != nil {
		t.Fatal(err)
	}
	execRaw(t, raw, "BEGIN IMMEDIATE")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	err := q.Put(ctx, "topic", []queue.Message{{ID: "a"}})
	execRaw(t, raw, "COMMIT")
	if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Second {
		t.Errorf("put returned %v after %v, want that its time is over", err, took)
	}
}

func TestQueueTypesCanChange(t *testing.T) {
	t.Parallel()
	q, _ := sharedQueues(t)
	typed := queue.Queue{Topic: "topic", Group: "g", Types: []string{"x"}}
	if err := q.Declare(t.Context(), typed); err != nil {
		t.Fatal(err)
	}
	batch := []queue.Message{{ID: "x", Type: "x"}, {ID: "y", Type: "y"}}
	if err := q.Put(t.Context(), "topic", batch); err != nil {
		t.Fatal(err)
	}
	if err := q.Declare(t.Context(), queueG); err != nil {
		t.Fatal(err)
	}
	if err := q.Put(t.Context(), "topic", []queue.Message{{ID: "z", Type: "z"}}); err != nil {
		t.Fatal(err)
	}
	got := claimed(t, q, "one", 9, time.Hour)
	if ids := slices.Sorted(maps.Keys(got)); !slices.Equal(ids, []string{"x", "z"}) {
		t.Errorf("got %v, want x and z", ids)
	}
}
