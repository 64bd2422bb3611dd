package broker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// stubQueue has one message, and a server that answers as the test says.
type stubQueue struct {
	claimed  bool
	answer   func(context.Context) error // to settle, extend and release
	settled  int
	extended int
}

func (q *stubQueue) declare(context.Context) error { return nil }

func (q *stubQueue) claim(ctx context.Context, _ int) ([]leased, error) {
	if q.claimed {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	q.claimed = true
	return []leased{{id: "1", msg: message.NewMessage("1", nil)}}, nil
}

func (q *stubQueue) settle(ctx context.Context, acked, nacked []leased) error {
	err := q.answer(ctx)
	if err == nil {
		q.settled += len(acked) + len(nacked)
	}
	return err
}

func (q *stubQueue) extend(ctx context.Context, held []leased) error {
	q.extended += len(held)
	return q.answer(ctx)
}

func (q *stubQueue) release(ctx context.Context) error { return q.answer(ctx) }

func (q *stubQueue) interrupt() {}

// inStubBubble subscribes to a stub, in a bubble where time passes when all wait.
func inStubBubble(t *testing.T, q *stubQueue, test func(t *testing.T, l *leasing, m *message.Message)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLeasing(Config{Log: slog.New(slog.DiscardHandler)}.withDefaults())
		l.open = func(string, QueueConfig) leasedQueue { return q }
		out, err := l.Queue(QueueConfig{Group: "g"}).Subscribe(t.Context(), "topic")
		if err != nil {
			t.Fatal(err)
		}
		test(t, l, <-out)
		if _, open := <-out; open {
			t.Error("the channel is open, want it closed")
		}
	})
}

func TestLeasedAnswerIsToldUntilItIsHeard(t *testing.T) {
	failures := 5
	q := &stubQueue{answer: func(context.Context) error {
		if failures--; failures >= 0 {
			return errors.New("the server is away")
		}
		return nil
	}}
	inStubBubble(t, q, func(t *testing.T, l *leasing, m *message.Message) {
		m.Ack()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if q.settled != 1 {
			t.Errorf("%d answers were heard, want 1", q.settled)
		}
		if err := l.end(nil); err != nil {
			t.Error(err)
		}
	})
}

func TestLeasedLeaseIsExtendedUntilTheMessageIsSettled(t *testing.T) {
	q := &stubQueue{answer: func(context.Context) error { return nil }}
	inStubBubble(t, q, func(t *testing.T, l *leasing, m *message.Message) {
		time.Sleep(2*lease + time.Second)
		synctest.Wait()
		if q.extended != 6 {
			t.Errorf("the lease was extended %d times during two of its lengths, want 6", q.extended)
		}
		m.Ack()
		time.Sleep(2 * lease)
		synctest.Wait()
		if q.extended != 6 {
			t.Errorf("the lease was extended %d times after the ack", q.extended-6)
		}
		if err := l.end(nil); err != nil {
			t.Error(err)
		}
	})
}

func TestLeasedCloseGivesUpOnAServerThatHangs(t *testing.T) {
	q := &stubQueue{answer: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	inStubBubble(t, q, func(t *testing.T, l *leasing, m *message.Message) {
		m.Ack()
		synctest.Wait()
		begun := time.Now()
		if err := l.end(nil); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took != grace {
			t.Errorf("it took %v, want %v", took, grace)
		}
	})
}

func TestLeasedCloseDoesNotWaitForACallThatNeverEnds(t *testing.T) {
	var deaf chan struct{} // of the bubble
	q := &stubQueue{answer: func(context.Context) error { <-deaf; return nil }}
	inStubBubble(t, q, func(t *testing.T, l *leasing, m *message.Message) {
		deaf = make(chan struct{})
		m.Ack()
		synctest.Wait()
		if err := l.end(nil); err == nil {
			t.Error("close says nothing of the call that goes on")
		}
		close(deaf)
	})
}
