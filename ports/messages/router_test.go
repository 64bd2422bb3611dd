package messages

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
)

const testCommands = "millrace.commands.order.test"

func TestRouterFeedsCommandsFromTheQueueOfTheirType(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		var got []es.Envelope
		h.router.HandleCommands("order.test", 7, func(_ context.Context, c es.Envelope) (es.Outcome, error) {
			got = append(got, c)
			return es.Outcome{Status: es.StatusRejected}, nil // an answer like any other
		})
		h.run()
		wantAcked(t, h.put(testCommands, command(t, "c-1")))
		h.wantNoneBuried()
		if want := []es.Envelope{envelope("c-1")}; !reflect.DeepEqual(got, want) {
			t.Errorf("handled %+v, want %+v", got, want)
		}
		q := h.queues[testCommands]
		if want := (Queue{Group: testCommands, Concurrency: 100}); !reflect.DeepEqual(q.Queue, want) || q.topic != testCommands {
			t.Errorf("reads %s as %+v, want %s as %+v", q.topic, q.Queue, testCommands, want)
		}
	})
}

func TestRouterTellsHandlersOfEventsWhatHappened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(c *Config) { c.Prefetch = 1 })
		var got []es.Record
		h.router.HandleEvents("views", []string{"order.tested"}, 7, func(_ context.Context, r es.Record) error {
			got = append(got, r)
			return nil
		})
		h.run()
		wantAcked(t, h.put("millrace.events.views", event(t, "e-1", "o-1")))
		h.wantNoneBuried()
		if want := []es.Record{record("e-1", "o-1")}; !reflect.DeepEqual(got, want) {
			t.Errorf("told of %+v, want %+v", got, want)
		}
		q := h.queues["millrace.events.views"]
		want := Queue{Group: "millrace.events.views", Concurrency: 7, Types: []string{"order.tested"}, Lossy: true}
		if !reflect.DeepEqual(q.Queue, want) || q.topic != EventsTopic {
			t.Errorf("reads %s as %+v, want %s as %+v", q.topic, q.Queue, EventsTopic, want)
		}
	})
}

// What no handler can read will not get better.
func TestRouterBuriesAtOnceWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	without := func(m *message.Message, header string) *message.Message {
		delete(m.Metadata, header)
		return m
	}
	with := func(m *message.Message, header, value string) *message.Message {
		m.Metadata.Set(header, value)
		return m
	}
	for name, test := range map[string]struct {
		group   string
		message *message.Message
		command bool   // whether the letter is a command's, which gets an outcome
		says    string // what the error has to name
	}{
		"a command without headers":         {testCommands, message.NewMessage("m", []byte("what?")), false, "ce_time"},
		"a command without a time":          {testCommands, without(command(t, "m"), "ce_time"), false, "ce_time"},
		"a command of no schema":            {testCommands, with(command(t, "m"), "ce_schemaversion", "one"), false, "ce_schemaversion"},
		"a command with odd expectations":   {testCommands, with(command(t, "m"), "expected_versions", "{"), false, "expected_versions"},
		"a command of another type":         {testCommands, with(command(t, "m"), "ce_type", "order.other"), true, "order.other"},
		"an event that nothing happened to": {"millrace.events.views", without(event(t, "m", "o-1"), "ce_stream"), false, "ce_stream"},
		"an event of no version":            {"millrace.events.views", without(event(t, "m", "o-1"), "ce_streamversion"), false, "ce_streamversion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := open(t)
				h.router.HandleCommands("order.test", 1, func(context.Context, es.Envelope) (es.Outcome, error) {
					t.Error("it was handled")
					return es.Outcome{}, nil
				})
				h.router.HandleEvents("views", nil, 1, func(context.Context, es.Record) error {
					t.Error("it was handled")
					return nil
				})
				h.run()
				began := time.Now()
				// A message is of the bubble that it is made in.
				m := message.NewMessage(test.message.UUID, test.message.Payload)
				m.Metadata = test.message.Metadata
				wantAcked(t, h.put(test.group, m))
				if took := time.Since(began); took > 0 {
					t.Errorf("it was buried after %s, want at once", took)
				}
				l := h.wantBuried()
				if l.Attempts != 1 || l.Message.UUID != "m" || l.Handler != test.group {
					t.Errorf("the letter is %+v, want m after one attempt", l)
				}
				if (l.Command != nil) != test.command {
					t.Errorf("the letter's command is %+v, want one: %t", l.Command, test.command)
				}
				if !strings.Contains(l.Err.Error(), test.says) {
					t.Errorf("the error is %q, want it to name %s", l.Err, test.says)
				}
			})
		})
	}
}

func TestRouterSaysWhatItBuries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.router.HandleCommands("order.test", 1, func(context.Context, es.Envelope) (es.Outcome, error) { return es.Outcome{}, errBroken })
		h.router.HandleEvents("views", nil, 1, func(context.Context, es.Record) error { return errBroken })
		h.run()
		c, e := command(t, "c-1"), event(t, "e-1", "o-1")
		wantAcked(t, h.put(testCommands, c))
		wantAcked(t, h.put("millrace.events.views", e))
		letters := h.buried()
		if len(letters) != 2 {
			t.Fatalf("%d letters are buried, want 2", len(letters))
		}
		sent := envelope("c-1")
		for i, want := range []Letter{
			{Handler: testCommands, Topic: testCommands, Message: c, Command: &sent, Err: errBroken, Attempts: 3},
			{Handler: "millrace.events.views", Topic: "millrace.events", Message: e, Err: errBroken, Attempts: 3},
		} {
			got := letters[i]
			if !errors.Is(got.Err, errBroken) || got.Message != want.Message {
				t.Errorf("letter %d is %+v, want %+v", i, got, want)
			}
			got.Err, got.Message = want.Err, want.Message
			if !reflect.DeepEqual(got, want) {
				t.Errorf("letter %d is %+v, want %+v", i, got, want)
			}
		}
	})
}

func TestRouterGivesBackWhatCannotBeBuried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.router.HandleEvents("views", nil, 1, func(context.Context, es.Record) error { return errBroken })
		h.run()
		h.refuse = errBroken
		wantNacked(t, h.put("millrace.events.views", event(t, "e-1", "o-1")))
		h.wantNoneBuried()
		h.refuse = nil
		wantAcked(t, h.put("millrace.events.views", event(t, "e-1", "o-1")))
		h.wantBuried()
	})
}

func TestRouterWaitsForHandlersAtWorkWhenItStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.router.HandleEvents("views", nil, 1, func(context.Context, es.Record) error {
			time.Sleep(5 * time.Second) // of the bubble's time
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- h.router.Run(ctx) }()
		<-h.router.Running()
		m := h.put("millrace.events.views", event(t, "e-1", "o-1"))
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
		select {
		case <-m.Acked():
		default:
			t.Error("Run returned before the handler was done")
		}
	})
}

// A process may have a role that handles nothing, such as the API alone.
func TestRouterWithoutHandlersStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		open(t).run()
	})
}
