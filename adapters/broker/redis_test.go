package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/millrace/millrace/internal/servertest"
)

// openAt opens a broker on a server of the test's own.
func openAt(tb testing.TB, server *servertest.Redis, c Config) *Redis {
	tb.Helper()
	b, err := Open(context.Background(), server.Address(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { closeBroker(tb, b) })
	return b.(*Redis)
}

// publishSoon publishes as soon as the server takes it, which must be within 5s.
func publishSoon(t *testing.T, b Broker, topic, id string) {
	t.Helper()
	eventually(t, id+" is published", func() bool { return b.Publish(topic, message.NewMessage(id, nil)) == nil })
}

func command(t *testing.T, b *Redis, args ...any) any {
	t.Helper()
	answer, err := b.client.Do(context.Background(), args...).Result()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return answer
}

func TestRedisKilledAndRestartedLosesNothing(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	b := openAt(t, server, Config{})
	prepare(t, b, "topic", QueueConfig{Group: "late"})
	out := follow(t, b, "topic", QueueConfig{Group: "g", Concurrency: 4})
	for i := range 4 {
		send(t, b, "topic", message.NewMessage(fmt.Sprint(i), nil))
	}
	inFlight := await(t, out)
	server.Kill()
	begun := time.Now()
	if err := b.Publish("topic", message.NewMessage("away", nil)); err == nil {
		t.Error("publish returned nil without a server")
	}
	if err := b.Ping(t.Context()); err == nil {
		t.Error("ping returned nil without a server")
	}
	if took := time.Since(begun); took > 7*time.Second {
		t.Errorf("publish and ping failed after %v", took)
	}
	inFlight.Ack() // is settled when the server is back
	server.Start()
	publishSoon(t, b, "topic", "4")
	got := map[string]bool{inFlight.UUID: true}
	for len(got) < 5 {
		m := await(t, out)
		got[m.UUID] = true
		m.Ack()
	}
	eventually(t, "every ack is settled, that of the message in flight too", func() bool {
		return command(t, b, "XLEN", redisStream("topic", "g")) == int64(0)
	})
	late := follow(t, b, "topic", QueueConfig{Group: "late", Concurrency: 10})
	for range 5 {
		await(t, late).Ack()
	}
}

func TestRedisQueuesComeBackToAServerThatForgotThem(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	one, two := openAt(t, server, Config{}), openAt(t, server, Config{})
	out := follow(t, one, "topic", QueueConfig{Group: "g"})
	prepare(t, one, "initialized", QueueConfig{Group: "g"})
	forget := map[string]func(){
		"flushed": func() { command(t, two, "FLUSHALL") },
		"wiped": func() {
			server.Kill()
			server.Wipe()
			server.Start()
		},
		"without its groups": func() { command(t, two, "DEL", redisStream("topic", "g")) },
	}
	for how, forget := range forget {
		send(t, one, "topic", message.NewMessage("before", nil))
		await(t, out).Ack()
		forget()
		publishSoon(t, two, "topic", how)
		if m := await(t, out); m.UUID != how {
			t.Errorf("%s: got %s", how, m.UUID)
		} else {
			m.Ack()
		}
		// Nobody is subscribed here, so Publish has to notice.
		send(t, one, "initialized", message.NewMessage(how, nil))
	}
}

func TestRedisThatIsAwayAtTheStartIsFound(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	server.Kill()
	b := openAt(t, server, Config{})
	if err := b.Queue(QueueConfig{Group: "g"}).(message.SubscribeInitializer).SubscribeInitialize("topic"); err == nil {
		t.Error("a queue was made without a server")
	}
	out := follow(t, b, "topic", QueueConfig{Group: "g"})
	server.Start()
	publishSoon(t, b, "topic", "1")
	await(t, out).Ack()
}

// Not parallel: goleak looks at every goroutine there is.
func TestRedisThatHangsHoldsUpNobody(t *testing.T) {
	server := servertest.StartRedis(t)
	ignored := goleak.IgnoreCurrent()
	b := openAt(t, server, Config{})
	out := follow(t, b, "topic", QueueConfig{Group: "g", Concurrency: 2})
	send(t, b, "topic", message.NewMessage("1", nil), message.NewMessage("2", nil))
	await(t, out).Ack()
	server.Stop()
	await(t, out).Ack()

	var publishers sync.WaitGroup
	for _, patience := range []time.Duration{300 * time.Millisecond, time.Hour} {
		publishers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			m := message.NewMessage("3", nil)
			m.SetContext(ctx)
			begun := time.Now()
			err := b.Publish("topic", m)
			if most := min(patience+2*time.Second, 8*time.Second); err == nil || time.Since(begun) > most {
				t.Errorf("publish with %v to go returned %v after %v", patience, err, time.Since(begun))
			}
		})
	}
	publishers.Wait()
	begun := time.Now()
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if _, open := <-out; open {
		t.Error("the channel is open")
	}
	goleak.VerifyNone(t, ignored)
	server.Continue()
}

func TestRedisHoldsNoMoreThanWhatIsWaiting(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	b := openAt(t, server, Config{Redelivery: time.Millisecond})
	sub := b.Queue(QueueConfig{Group: "g", Concurrency: 16})
	out, err := sub.Subscribe(t.Context(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		send(t, b, "topic", message.NewMessage(fmt.Sprint(i), nil))
	}
	for i := range 300 {
		if m := await(t, out); i < 100 {
			m.Nack()
		} else {
			m.Ack()
		}
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection to read by is closed", func() bool {
		return !strings.Contains(command(t, b, "CLIENT", "LIST").(string), "cmd=xreadgroup")
	})
	stream := redisStream("topic", "g")
	if n := command(t, b, "XLEN", stream); n != int64(0) {
		t.Errorf("the stream holds %v entries, want none", n)
	}
	for _, c := range b.client.XInfoConsumers(t.Context(), stream, redisReaders).Val() {
		if c.Pending > 0 || c.Name != redisNobody {
			t.Errorf("consumer %s is left, with %d messages", c.Name, c.Pending)
		}
	}
}

func TestRedisNackedMessageRestsWhoeverLooks(t *testing.T) {
	t.Parallel()
	const rest = 500 * time.Millisecond
	b := openAt(t, servertest.StartRedis(t), Config{Redelivery: rest})
	nacking := b.openQueue("topic", QueueConfig{Group: "g"}).(*redisQueue)
	defer nacking.interrupt()
	if err := nacking.declare(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(t, b, "topic", message.NewMessage("1", nil))
	claimed, err := nacking.claim(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := nacking.settle(t.Context(), nil, claimed); err != nil {
		t.Fatal(err)
	}
	if now := time.Now(); nacking.isSweepDue(begun) || !nacking.isSweepDue(now.Add(rest+50*time.Millisecond)) {
		t.Error("whoever nacked it does not look for it in time")
	}
	other := b.openQueue("topic", QueueConfig{Group: "g"}).(*redisQueue)
	defer other.interrupt()
	eventually(t, "another one gets it", func() bool {
		found, err := other.sweep(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(found) == 1
	})
	if took := time.Since(begun); took < rest {
		t.Errorf("another one got it after %v, want %v", took, rest)
	}

	late := errors.Join(nacking.extend(t.Context(), claimed), nacking.settle(t.Context(), nil, claimed), nacking.release(t.Context()))
	if late != nil {
		t.Fatal(late)
	}
	held := b.client.XPendingExt(t.Context(), &redis.XPendingExtArgs{Stream: other.stream, Group: redisReaders, Start: "-", End: "+", Count: 2}).Val()
	if len(held) != 1 || held[0].Consumer != other.consumer {
		t.Errorf("%+v is pending, want the message, and its holder to have kept it", held)
	}
}

func TestRedisStreamHoldsOnlyItsTypes(t *testing.T) {
	t.Parallel()
	b := openAt(t, servertest.StartRedis(t), Config{})
	prepare(t, b, "topic", QueueConfig{Group: "g", Types: []string{"good", "better"}})
	for _, kind := range []string{"bad", "good", "", "better"} {
		m := message.NewMessage("a "+kind, nil)
		m.Metadata.Set(TypeHeader, kind)
		send(t, b, "topic", m, m)
	}
	if n := command(t, b, "XLEN", redisStream("topic", "g")); n != int64(4) {
		t.Errorf("the stream holds %v messages, want 4", n)
	}
}

func TestRedisForgetsConsumersOfTheDead(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	b := shorten(openAt(t, server, Config{}), 60*time.Millisecond).(*Redis)
	q := b.openQueue("topic", QueueConfig{Group: "g"}).(*redisQueue)
	defer q.interrupt()
	if err := q.declare(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(t, b, "topic", message.NewMessage("1", nil))
	claimed, err := q.claim(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.settle(t.Context(), claimed, nil); err != nil {
		t.Fatal(err)
	}
	consumers := func() (names []string) {
		for _, c := range b.client.XInfoConsumers(t.Context(), q.stream, redisReaders).Val() {
			names = append(names, c.Name)
		}
		return names
	}
	if n := len(consumers()); n != 1 {
		t.Fatalf("there are %d consumers, want that of the dead", n)
	}
	follow(t, b, "topic", QueueConfig{Group: "g"})
	eventually(t, "the consumer of the dead is gone", func() bool { return !slices.Contains(consumers(), q.consumer) })
}

func TestRedisSettingsThatLoseMessagesAreWarnedOf(t *testing.T) {
	t.Parallel()
	server := servertest.StartRedis(t)
	var log bytes.Buffer
	c := Config{Log: slog.New(slog.NewTextHandler(&log, nil))}
	safe := openAt(t, server, c)
	if log.Len() > 0 {
		t.Errorf("a safe server is warned of: %s", &log)
	}
	command(t, safe, "CONFIG", "SET", "appendonly", "no", "maxmemory-policy", "allkeys-lru")
	unsafe := openAt(t, server, c)
	if err := unsafe.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"appendonly is no", "policy=allkeys-lru"} {
		if n := strings.Count(log.String(), want); n != 1 {
			t.Errorf("the log says %q %d times, want once: %s", want, n, &log)
		}
	}
}

func TestRedisAddressesAreChecked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"redis://host:port", "redis://u:secret@host/x/y"} {
		b, err := Open(t.Context(), address, Config{})
		if err == nil {
			closeBroker(t, b)
			t.Errorf("%s was opened", address)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	b, err := Open(t.Context(), "rediss://user:secret@127.0.0.1:1/3", Config{Client: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer closeBroker(t, b)
	o := b.(*Redis).options
	if o.TLSConfig == nil || o.Username != "user" || o.Password != "secret" || o.DB != 3 || o.ClientName != "test" {
		t.Errorf("the address was read as %+v", o)
	}
	if err := b.Ping(t.Context()); err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("ping returned %v", err)
	}
}
