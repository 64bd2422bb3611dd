package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/messages"
)

// taker is a broker that does with a message what a test wants.
type taker struct {
	broker.Broker
	take func(topic string, m *message.Message) error
}

func (t taker) Publish(topic string, all ...*message.Message) error {
	for _, m := range all {
		if err := t.take(topic, m); err != nil {
			return err
		}
	}
	return nil
}

var errAway = errors.New("the broker is away")

func away(string, *message.Message) error { return errAway }

// mailroom is a store with a dead letter, and what requeues it.
type mailroom struct {
	*testing.T
	store  *sqlstore.Store
	letter sqlstore.DeadLetter
}

// openMailroom buries a message. One that is a command has failed.
func openMailroom(t *testing.T, topic string, journaled bool) mailroom {
	t.Helper()
	store, _, err := openStore(t.Context(), config{Store: "sqlite:" + filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // the test has said what there is to say
	m := mailroom{t, store, sqlstore.DeadLetter{
		ID: "l-1", Handler: topic, Topic: topic, MessageID: "m-1", Payload: []byte(`{"n":1}`),
		Metadata: map[string]string{broker.KeyHeader: "o-1"}, Error: "no disk", Attempts: 9, DiedAt: time.Now(),
	}}
	if journaled {
		c := es.Envelope{ID: "m-1", Type: "order.cancel", Target: "o-1", AcceptedAt: time.Now().Add(-time.Hour), Payload: []byte(`{}`)}
		if _, _, err := store.Accept(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	m.bury()
	if topic == ofCommands {
		m.fail()
	}
	m.letter = m.left()[0]
	return m
}

const ofCommands = "millrace.commands.order.cancel"

func (m mailroom) bury() {
	m.Helper()
	if err := m.store.Bury(m.Context(), m.letter); err != nil {
		m.Fatal(err)
	}
}

func (m mailroom) fail() {
	m.Helper()
	if err := m.store.Finish(m.Context(), es.Outcome{CommandID: "m-1", Status: es.StatusFailed}); err != nil {
		m.Fatal(err)
	}
}

func (m mailroom) left() []sqlstore.DeadLetter {
	m.Helper()
	all, err := m.store.DeadLetters(m.Context(), 10)
	if err != nil {
		m.Fatal(err)
	}
	return all
}

// requeue requeues the letter by a broker, or by none.
func (m mailroom) requeue(b broker.Broker) (said string, err error) {
	m.Helper()
	var out bytes.Buffer
	err = letters{store: m.store, broker: b, out: &out}.requeue(m.Context(), m.letter)
	return out.String(), err
}

// wantOpen wants the message to be one that a handler takes: a command that was decided
// would be passed over.
func (m mailroom) wantOpen() {
	m.Helper()
	if o, err := m.store.Outcome(m.Context(), "m-1"); !errors.Is(err, es.ErrUnknownCommand) && o.Status != es.StatusPending {
		m.Errorf("the command's outcome is %s, want none", o.Status)
	}
}

// wantLeft wants the letter to be there as long as nobody else has its message.
func (m mailroom) wantLeft(want int) {
	m.Helper()
	if left := m.left(); len(left) != want {
		m.Errorf("%d letters are left, want %d", len(left), want)
	}
}

// What is nowhere else is kept until the broker has it, whatever happens to whoever
// requeues it.
func TestRequeueKeepsWhatNobodyElseHas(t *testing.T) {
	t.Parallel()
	for name, topic := range map[string]string{
		"a command of another store": ofCommands,
		"an outcome":                 messages.OutcomesTopic("this one"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := openMailroom(t, topic, false)
			for way, b := range map[string]broker.Broker{"a broker that is away": taker{take: away}, "no broker": nil} {
				if said, err := m.requeue(b); err == nil || !strings.Contains(err.Error(), "still a dead letter") || said != "" {
					t.Errorf("by %s it says %q, %v, want it to be still a dead letter", way, said, err)
				}
				m.wantLeft(1)
			}
			if said, err := m.requeue(taker{take: func(topic string, published *message.Message) error {
				m.wantOpen()
				m.wantLeft(1)
				if topic != m.letter.Topic || published.UUID != "m-1" || string(published.Payload) != `{"n":1}` || published.Metadata[broker.KeyHeader] != "o-1" {
					t.Errorf("it publishes %+v to %s, want the message that was buried", published, topic)
				}
				return nil
			}}); err != nil || said != "" {
				t.Errorf("it says %q, %v, want that it goes well", said, err)
			}
			m.wantOpen()
			m.wantLeft(0)
		})
	}
}

// What the store has itself is handled without the broker, too.
func TestRequeueNeedsNoBrokerForWhatTheStoreHas(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		topic string
		by    broker.Broker
		says  string
	}{
		"a command from the journal, by a broker that is away": {ofCommands, taker{take: away}, "l-1 will be handled later, since the broker did not take it: the broker is away\n"},
		"an event, by a broker that is away":                   {messages.EventsTopic, taker{take: away}, "l-1 will be handled later, since the broker did not take it: the broker is away\n"},
		"a command from the journal, by no broker":             {ofCommands, nil, ""},
		"an event, by no broker":                               {messages.EventsTopic, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := openMailroom(t, test.topic, test.topic == ofCommands)
			if said, err := m.requeue(test.by); err != nil || said != test.says {
				t.Errorf("it says %q, %v, want %q", said, err, test.says)
			}
			m.wantOpen()
			m.wantLeft(0)
			again, err := m.store.Unfinished(t.Context(), time.Now(), es.Envelope{}, 10)
			if err != nil || (len(again) == 1) != (test.topic == ofCommands) {
				t.Errorf("the journal sends %+v again, %v, want the command there is", again, err)
			}
		})
	}
}

// A message may have been handled, and given up, before its letter is removed.
func TestRequeueLeavesALetterThatIsBuriedAgain(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(mailroom){
		"buried and failed again": func(m mailroom) {
			m.letter.DiedAt = m.letter.DiedAt.Add(time.Second)
			m.bury()
			m.fail()
		},
		"buried again": func(m mailroom) {
			m.letter.DiedAt = m.letter.DiedAt.Add(time.Second)
			m.bury()
		},
		"failed again": mailroom.fail,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := openMailroom(t, ofCommands, false)
			said, err := m.requeue(taker{take: func(string, *message.Message) error {
				again(m)
				return nil
			}})
			if err != nil || said != "l-1 has become a dead letter again\n" {
				t.Errorf("it says %q, %v, want that it is a dead letter again", said, err)
			}
			m.wantLeft(1)
		})
	}
}
