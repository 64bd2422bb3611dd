package broker

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/servertest"
)

// These tests show what watermill-sql does on MariaDB, each beside the test that
// shows the same of our own queues. One that turns red is good news.

// stockSQL publishes ten messages and subscribes to them.
func stockSQL(t *testing.T, schema watermillsql.SchemaAdapter, offsets watermillsql.OffsetsAdapter) (
	*sql.DB, *watermillsql.Subscriber, <-chan *message.Message,
) {
	t.Helper()
	db := servertest.Connect(t, servertest.Database(t, "mariadb"))
	beginner := watermillsql.BeginnerFromStdSQL(db)
	subscriber, err := watermillsql.NewSubscriber(beginner, watermillsql.SubscriberConfig{
		SchemaAdapter: schema, OffsetsAdapter: offsets, InitializeSchema: true, PollInterval: 10 * time.Millisecond,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { subscriber.Close() }) // before the database goes
	if err := subscriber.SubscribeInitialize("topic"); err != nil {
		t.Fatal(err)
	}
	publisher, err := watermillsql.NewPublisher(beginner, watermillsql.PublisherConfig{SchemaAdapter: schema}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := publisher.Publish("topic", tenMessages()...); err != nil {
		t.Fatal(err)
	}
	out, err := subscriber.Subscribe(t.Context(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	return db, subscriber, out
}

func tenMessages() []*message.Message {
	messages := make([]*message.Message, 10)
	for i := range messages {
		messages[i] = message.NewMessage(fmt.Sprint(i), []byte("{}"))
	}
	return messages
}

func TestStockSQLDeletesWhatWasNotHandled(t *testing.T) {
	t.Parallel()
	db, subscriber, out := stockSQL(t, watermillsql.MySQLQueueSchema{}, watermillsql.MySQLQueueOffsetsAdapter{DeleteOnAck: true})
	for range 3 {
		await(t, out).Ack()
	}
	if m := await(t, out); m.UUID != "3" { // its handler is at work when the process ends
		t.Fatalf("got %s, want 3", m.UUID)
	}
	if err := subscriber.Close(); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := db.QueryRow("SELECT COUNT(*) FROM watermill_topic").Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d of 7 messages are left that nobody handled, want none", left)
	}
}

func TestLeasedCloseDeletesNothingThatWasNotHandled(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		one, two := open(t, Config{}), open(t, Config{})
		queue := QueueConfig{Group: "g", Concurrency: 10}
		prepare(t, one, topic, queue)
		send(t, one, topic, tenMessages()...)
		out := follow(t, one, topic, queue)
		for range 3 {
			await(t, out).Ack()
		}
		await(t, out)
		closeBroker(t, one)
		rest := follow(t, two, topic, queue)
		for range 7 {
			await(t, rest).Ack()
		}
		nothing(t, rest, 300*time.Millisecond)
	})
}

func TestStockSQLHoldsPublishersUpWhileAHandlerWorks(t *testing.T) {
	t.Parallel()
	db, _, out := stockSQL(t, watermillsql.DefaultMySQLSchema{}, watermillsql.DefaultMySQLOffsetsAdapter{})
	m := await(t, out)
	inserted := make(chan error, 1)
	go func() {
		_, err := db.Exec("INSERT INTO watermill_topic (uuid, payload, metadata) VALUES ('another', '{}', '{}')")
		inserted <- err
	}()
	select {
	case err := <-inserted:
		t.Errorf("the insert is done while the handler works, with error %v", err)
	case <-time.After(2 * time.Second):
	}
	m.Ack() // and the rest, to let the insert end
	for {
		select {
		case m := <-out:
			m.Ack()
		case err := <-inserted:
			if err != nil {
				t.Errorf("the insert failed: %v", err)
			}
			return
		case <-time.After(30 * time.Second):
			t.Fatal("the insert waits for more than the handlers")
		}
	}
}

func TestLeasedPublisherDoesNotWaitForHandlers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, open opener, topic string) {
		b := open(t, Config{})
		out := follow(t, b, topic, QueueConfig{Group: "g"})
		send(t, b, topic, tenMessages()...)
		await(t, out) // and its handler works for long
		begun := time.Now()
		send(t, b, topic, tenMessages()...)
		if took := time.Since(begun); took > patience {
			t.Errorf("publish took %v", took)
		}
	})
}
