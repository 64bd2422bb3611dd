package messages

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
)

var (
	noon      = time.Date(2025, 3, 1, 12, 0, 0, 123456000, time.UTC)
	errBroken = errors.New("broken")
)

// hall is a router with queues that a test fills. It lives in a bubble of synctest.
type hall struct {
	*testing.T
	router *Router
	queues map[string]*queue // by group

	mu      sync.Mutex
	letters []Letter
	refuse  error // what Bury returns
}

// open returns a hall whose router tries a message again twice, after about 100
// milliseconds and after about 200. Settings change its configuration.
func open(t *testing.T, settings ...func(*Config)) *hall {
	t.Helper()
	h := &hall{T: t, queues: map[string]*queue{}}
	c := Config{
		Log: watermill.NopLogger{}, Prefetch: 100, Retries: 2, Backoff: 100 * time.Millisecond, MaxBackoff: time.Second,
		Queues: func(q Queue) message.Subscriber {
			made := &queue{Queue: q, messages: make(chan *message.Message), closed: make(chan struct{})}
			h.queues[q.Group] = made
			return made
		},
		Bury: func(ctx context.Context, l Letter) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			if ctx.Err() == nil && h.refuse == nil {
				h.letters = append(h.letters, l)
			}
			return errors.Join(ctx.Err(), h.refuse)
		},
	}
	for _, set := range settings {
		set(&c)
	}
	var err error
	if h.router, err = NewRouter(c); err != nil {
		t.Fatal(err)
	}
	return h
}

// run lets the router work until the test is over.
func (h *hall) run() {
	h.Helper()
	ctx, cancel := context.WithCancel(h.Context())
	ended := make(chan error)
	go func() { ended <- h.router.Run(ctx) }()
	<-h.router.Running()
	h.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.Errorf("Run returned %v, want nil", err)
		}
	})
}

// put puts a message into the queue of a group.
func (h *hall) put(group string, m *message.Message) *message.Message {
	h.Helper()
	q, ok := h.queues[group]
	if !ok {
		h.Fatalf("there is no queue for %s", group)
	}
	q.messages <- m
	return m
}

// buried returns the letters so far.
func (h *hall) buried() []Letter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.letters
}

// wantBuried wants one letter, which it returns.
func (h *hall) wantBuried() Letter {
	h.Helper()
	letters := h.buried()
	if len(letters) != 1 {
		h.Fatalf("%d letters are buried, want one", len(letters))
	}
	return letters[0]
}

// wantNoneBuried wants no letters.
func (h *hall) wantNoneBuried() {
	h.Helper()
	if letters := h.buried(); len(letters) > 0 {
		h.Errorf("%d letters are buried, such as %+v, want none", len(letters), letters[0])
	}
}

// wantAcked waits for what becomes of a message, and wants it acked.
func wantAcked(t *testing.T, m *message.Message) {
	t.Helper()
	select {
	case <-m.Acked():
	case <-m.Nacked():
		t.Errorf("message %s was nacked, want it acked", m.UUID)
	}
}

// wantNacked waits for what becomes of a message, and wants it nacked.
func wantNacked(t *testing.T, m *message.Message) {
	t.Helper()
	select {
	case <-m.Acked():
		t.Errorf("message %s was acked, want it nacked", m.UUID)
	case <-m.Nacked():
	}
}

// queue is a message.Subscriber that hands out what a test puts into it.
type queue struct {
	Queue
	topic    string
	messages chan *message.Message
	closed   chan struct{}
	once     sync.Once
}

// Subscribe implements message.Subscriber.
func (q *queue) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	q.topic = topic
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for {
			select {
			case m := <-q.messages:
				out <- m
			case <-q.closed:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// Close implements message.Subscriber.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// envelope returns a command.
func envelope(id string) es.Envelope {
	return es.Envelope{ID: id, Type: "order.test", Target: "o-1", Schema: 1, Payload: []byte(`{"n":1}`), AcceptedAt: noon}
}

// command returns the message of a command.
func command(t *testing.T, id string) *message.Message {
	t.Helper()
	c := envelope(id)
	m, err := marshaler{}.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// record returns an event.
func record(id, order string) es.Record {
	return es.Record{
		ID: id, Stream: es.StreamOf("order", order), Version: 1, Type: "order.tested", Schema: 1, Data: []byte(`{}`), OccurredAt: noon,
	}
}

// event returns the message of an event.
func event(t *testing.T, id, order string) *message.Message {
	t.Helper()
	r := record(id, order)
	m, err := marshaler{}.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
