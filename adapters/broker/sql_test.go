package broker

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

func TestSQLWakesTheSubscriptionsOfItsProcess(t *testing.T) {
	t.Parallel()
	b := sqlServer(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))(t, Config{Redelivery: 50 * time.Millisecond}).(*SQL)
	q := b.openQueue("topic", QueueConfig{Group: "g"}).(*sqlQueue)
	defer q.interrupt()
	if err := q.declare(t.Context()); err != nil {
		t.Fatal(err)
	}
	woken := func(what string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		q.poll = time.Hour
		if q.wait(ctx); ctx.Err() != nil {
			t.Errorf("%s wakes nobody", what)
		}
	}
	send(t, b, "topic", message.NewMessage("1", nil))
	woken("publish")
	claimed, err := q.claim(t.Context(), 1)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %d messages, %v", len(claimed), err)
	}
	if err := q.settle(t.Context(), nil, claimed); err != nil {
		t.Fatal(err)
	}
	woken("the end of a rest")
}

func TestSQLSubscriptionLooksMoreSeldomWhileItIsIdle(t *testing.T) {
	t.Parallel()
	b := sqlServer(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))(t, Config{}).(*SQL)
	q := b.openQueue("topic", QueueConfig{Group: "g"}).(*sqlQueue)
	defer q.interrupt()
	for _, want := range []time.Duration{5, 10, 20, 40, 80, 160, 250, 250} {
		if q.poll != want*time.Millisecond {
			t.Errorf("the next look is after %v, want %dms", q.poll, want)
		}
		q.wait(t.Context())
	}
}

func TestSQLBringsBackQueuesThatAreGone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	b := sqlServer(t, "sqlite:"+path)(t, Config{})
	out := follow(t, b, "topic", QueueConfig{Group: "g"})
	send(t, b, "topic", message.NewMessage("1", nil))
	await(t, out).Ack()
	raw := openRaw(t, path)
	for _, table := range []string{"queues", "queue_messages"} {
		if _, err := raw.Exec("DELETE FROM " + table); err != nil {
			t.Fatal(err)
		}
	}
	publishSoon(t, b, "topic", "2")
	await(t, out).Ack()
}
