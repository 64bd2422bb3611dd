package broker

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/millrace/millrace/internal/servertest"
)

// rabbitServers are the versions that the tests run on: 4.3 and 3.10.
var rabbitServers = []string{"rabbitmq", "rabbitmq3"}

// onRabbits runs a test on a virtual host of its own, on both versions.
func onRabbits(t *testing.T, test func(t *testing.T, host *rabbitHost)) {
	t.Helper()
	t.Parallel()
	for _, server := range rabbitServers {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			test(t, newRabbitHost(t, server))
		})
	}
}

// rabbitHost is a virtual host of a test. It is gone afterwards, with all it has.
type rabbitHost struct {
	name       string
	address    string
	management string
}

func newRabbitHost(tb testing.TB, server string) *rabbitHost {
	tb.Helper()
	return makeRabbitHost(tb, servertest.Address(tb, server), servertest.Management(tb, server))
}

func makeRabbitHost(tb testing.TB, address, management string) *rabbitHost {
	tb.Helper()
	h := &rabbitHost{name: "millrace-" + strings.ToLower(rand.Text()), management: management}
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + h.name
	h.address = u.String()
	h.manage(tb, http.MethodPut, "vhosts/"+h.name, struct{}{}, nil)
	h.manage(tb, http.MethodPut, "permissions/"+h.name+"/"+u.User.Username(),
		map[string]string{"configure": ".*", "write": ".*", "read": ".*"}, nil)
	tb.Cleanup(func() { h.manage(tb, http.MethodDelete, "vhosts/"+h.name, nil, nil) })
	return h
}

// manage asks the management API of the server.
func (h *rabbitHost) manage(tb testing.TB, method, path string, body, into any) {
	tb.Helper()
	var encoded bytes.Buffer
	if err := json.NewEncoder(&encoded).Encode(body); err != nil {
		tb.Fatal(err)
	}
	request, err := http.NewRequest(method, h.management+"/api/"+path, &encoded)
	if err != nil {
		tb.Fatal(err)
	}
	request.SetBasicAuth("millrace", "millrace")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	if response.StatusCode >= 300 {
		tb.Fatalf("%s %s: %s %s", method, path, response.Status, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			tb.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// dial opens a connection of the test's own, and a channel.
func (h *rabbitHost) dial(tb testing.TB) (*amqp.Connection, *amqp.Channel) {
	tb.Helper()
	conn, err := amqp.Dial(h.address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() }) // the test has said what it has to say
	channel, err := conn.Channel()
	if err != nil {
		tb.Fatal(err)
	}
	return conn, channel
}

// wantDepth waits until a queue holds so many messages that are not in flight.
func (h *rabbitHost) wantDepth(tb testing.TB, queue string, want int) {
	tb.Helper()
	_, channel := h.dial(tb)
	got := -1
	eventually(tb, "the depth of "+queue, func() bool {
		q, err := channel.QueueDeclarePassive(queue, true, false, false, false, nil)
		if err != nil {
			tb.Fatal(err)
		}
		got = q.Messages
		return got == want
	}, func() { tb.Errorf("it is %d, want %d", got, want) })
}

// eventually waits for a condition, and says what is wrong when it does not come.
func eventually(tb testing.TB, what string, condition func() bool, wrong ...func()) {
	tb.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			for _, explain := range wrong {
				explain()
			}
			tb.Fatalf("%s: not within 20 seconds", what)
		}
	}
}

// openRabbit returns a broker that is closed after the test.
func openRabbit(tb testing.TB, address string, c RabbitMQConfig) *RabbitMQ {
	tb.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	r, err := NewRabbitMQ(address, c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return r
}

func rabbitPublish(tb testing.TB, p message.Publisher, topic string, messages ...*message.Message) {
	tb.Helper()
	if err := p.Publish(topic, messages...); err != nil {
		tb.Fatal(err)
	}
}

func rabbitSubscribe(tb testing.TB, r *RabbitMQ, topic string, c QueueConfig) <-chan *message.Message {
	tb.Helper()
	out, err := r.Queue(c).Subscribe(tb.Context(), topic)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func rabbitReceive(tb testing.TB, out <-chan *message.Message) *message.Message {
	tb.Helper()
	select {
	case msg, open := <-out:
		if !open {
			tb.Fatal("the channel is closed, want a message")
		}
		return msg
	case <-time.After(20 * time.Second):
		tb.Fatal("got no message within 20 seconds")
		return nil
	}
}

// typed returns a message of a type about nothing in particular.
func typed(id, kind string) *message.Message {
	msg := message.NewMessage(id, []byte(`{"of":"`+id+`"}`))
	msg.Metadata.Set(TypeHeader, kind)
	return msg
}
