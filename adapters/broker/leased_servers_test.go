package broker

import (
	"context"
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/servertest"
)

// leasedServers are the servers that keep queues for brokers that lease messages.
// Each returns a way to open brokers, as processes of their own on one server.
var leasedServers = map[string]func(testing.TB) opener{
	"redis":   redisServer,
	"sqlite":  func(t testing.TB) opener { return sqlServer(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db")) },
	"mariadb": func(t testing.TB) opener { return sqlServer(t, servertest.Database(t, "mariadb")) },
	"mysql":   func(t testing.TB) opener { return sqlServer(t, servertest.Database(t, "mysql")) },
}

type opener func(testing.TB, Config) Broker

func redisServer(testing.TB) opener {
	return func(tb testing.TB, c Config) Broker {
		b, err := Open(context.Background(), servertest.Address(tb, "redis"), c)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { closeBroker(tb, b) })
		return b
	}
}

// sqlServer opens a store for every broker. It ends the test where the store does
// not know the database.
func sqlServer(tb testing.TB, address string) opener {
	open := func(tb testing.TB) *sqlstore.Store {
		store, err := sqlstore.Open(context.Background(), address)
		if err != nil {
			if strings.HasSuffix(err.Error(), "want sqlite:PATH") {
				tb.Skip("the store is for SQLite only")
			}
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := store.Close(); err != nil {
				tb.Error(err)
			}
		})
		return store
	}
	if _, err := open(tb).Migrate(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return func(tb testing.TB, c Config) Broker {
		b := NewSQL(sqlstore.Queues{Store: open(tb)}, c)
		tb.Cleanup(func() { closeBroker(tb, b) })
		return b
	}
}

func closeBroker(tb testing.TB, b Broker) {
	tb.Helper()
	if err := b.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
}

// onEveryServer runs a test against each, with a topic of the test's own.
func onEveryServer(t *testing.T, test func(t *testing.T, open opener, topic string)) {
	t.Helper()
	t.Parallel()
	for name, server := range leasedServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server(t), newTopic(t, name))
		})
	}
}

// newTopic names a topic, and removes from Redis what is made of it.
func newTopic(tb testing.TB, server string) string {
	tb.Helper()
	topic := "test-" + rand.Text()
	if server == "redis" {
		tb.Cleanup(func() { removeTopics(tb, topic) })
	}
	return topic
}

func removeTopics(tb testing.TB, prefix string) {
	tb.Helper()
	o, err := redis.ParseURL(servertest.Address(tb, "redis"))
	if err != nil {
		tb.Fatal(err)
	}
	client := redis.NewClient(o)
	defer client.Close()
	keys := client.Scan(context.Background(), 0, "millrace:{"+prefix+"*", 1000).Iterator()
	for keys.Next(context.Background()) {
		client.Del(context.Background(), keys.Val())
	}
	if err := keys.Err(); err != nil {
		tb.Error(err)
	}
}

// shorten makes leases end soon.
func shorten(b Broker, lease time.Duration) Broker {
	switch b := b.(type) {
	case *SQL:
		b.lease = lease
	case *Redis:
		b.lease = lease
	}
	return b
}

func prepare(t *testing.T, b Broker, topic string, c QueueConfig) {
	t.Helper()
	if err := b.Queue(c).(message.SubscribeInitializer).SubscribeInitialize(topic); err != nil {
		t.Fatal(err)
	}
}

func follow(t *testing.T, b Broker, topic string, c QueueConfig) <-chan *message.Message {
	t.Helper()
	out, err := b.Queue(c).Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func send(t *testing.T, b Broker, topic string, messages ...*message.Message) {
	t.Helper()
	if err := b.Publish(topic, messages...); err != nil {
		t.Fatal(err)
	}
}

// await takes the next message, which must come soon: or, when it was claimed by a
// read whose answer got lost, after its lease.
func await(t *testing.T, out <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, open := <-out:
		if !open {
			t.Fatal("the channel is closed, want a message")
		}
		return m
	case <-time.After(50 * time.Second):
		t.Fatal("no message came")
	}
	return nil
}

// nothing wants no message for a while.
func nothing(t *testing.T, out <-chan *message.Message, d time.Duration) {
	t.Helper()
	select {
	case m, open := <-out:
		if open {
			t.Fatalf("got %s, want nothing", m.UUID)
		}
	case <-time.After(d):
	}
}

// openRaw opens a connection of the test's own to a store's file.
func openRaw(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() }) // what it says no longer matters
	return db
}
