package messages

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
)

// post is a message.Publisher that keeps what it is given.
type post struct {
	topics   []string
	messages []*message.Message
	refuse   error
}

// Publish implements message.Publisher.
func (p *post) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		if err := m.Context().Err(); err != nil {
			return err
		}
		p.topics = append(p.topics, topic)
		p.messages = append(p.messages, m)
	}
	return p.refuse
}

// Close implements message.Publisher.
func (p *post) Close() error { return nil }

// writer returns a bus of a store, and what it writes to other ones.
func writer(t *testing.T, store string) (*Bus, *post) {
	t.Helper()
	p := &post{}
	b, err := NewBus(BusConfig{Store: store, Commands: &post{refuse: errBroken}, Events: p, Log: watermill.NopLogger{}})
	if err != nil {
		t.Fatal(err)
	}
	return b, p
}

var (
	look     = es.Look{Handler: "views", Types: []string{"order.tested"}, After: map[string]es.Position{"b": 7, "c": 0}}
	question = es.Question{From: "a", To: "b", Looks: []es.Look{look}, Tails: []es.Tail{{Stream: "order-1", After: 3}}, Then: &look}
	answer   = es.Answer{
		From: "a", Look: &look, Then: &look, Stretch: es.Stretch{UpTo: 9, Head: 12, Streams: map[es.Stream]es.Version{"order-1": 5}},
		Records: []es.Record{
			{
				ID: "e-4", Stream: "order-1", Version: 4, Type: "order.tested", Schema: 2, Data: []byte("{ \"text\": \"<\xff\" }\n"),
				Metadata: es.Metadata{CommandID: "c-1", CorrelationID: "r-1", CausationID: "m-1", Traceparent: "00-t", Actor: "ann"}, OccurredAt: noon,
			},
			{ID: "e-5", Stream: "order-1", Version: 5, Type: "order.tested", Schema: 1, Data: []byte("garbled"), OccurredAt: noon},
		},
	}
	outcome = es.Outcome{
		CommandID: "c-1", CommandType: "order.test", Target: "o-1", Status: es.StatusRejected, Version: 4,
		Problem: &es.Problem{Code: "too_much", Detail: "that is too much"},
	}
)

// What one store writes another one reads as it was.
func TestLettersArriveAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bus, post := writer(t, "a")
		if err := errors.Join(bus.Ask(t.Context(), question), bus.Answer(t.Context(), "b", answer), bus.Tell(t.Context(), "b", outcome)); err != nil {
			t.Fatal(err)
		}
		wantTopics := []string{"millrace.questions", "millrace.answers.b", "millrace.outcomes.b"}
		if !slices.Equal(post.topics, wantTopics) {
			t.Errorf("wrote to %v, want %v", post.topics, wantTopics)
		}
		h := open(t, func(c *Config) { c.Store = "b" })
		var got []any
		h.router.HandleQuestions(3, func(_ context.Context, q es.Question) error { got = append(got, q); return nil })
		h.router.HandleAnswers(4, func(_ context.Context, a es.Answer) error { got = append(got, a); return nil })
		h.router.HandleOutcomes(5, func(_ context.Context, o es.Outcome) error { got = append(got, o); return nil })
		h.run()
		groups := []string{"millrace.questions.b", "millrace.answers.b", "millrace.outcomes.b"}
		for i, m := range post.messages {
			wantAcked(t, h.put(groups[i], m.Copy()))
		}
		if want := []any{question, answer, outcome}; !reflect.DeepEqual(got, want) {
			t.Errorf("read\n%+v\nwant\n%+v", got, want)
		}
		for i, want := range []Queue{
			{Group: groups[0], Concurrency: 100, Types: []string{"millrace.question", "millrace.question.b"}, Lossy: true},
			{Group: groups[1], Concurrency: 100, Lossy: true},
			{Group: groups[2], Concurrency: 100},
		} {
			if q := h.queues[groups[i]]; !reflect.DeepEqual(q.Queue, want) || q.topic != wantTopics[i] {
				t.Errorf("reads %s as %+v, want %s as %+v", q.topic, q.Queue, wantTopics[i], want)
			}
		}
	})
}

// Queues go by the type, and lanes by the subject.
func TestLettersSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	bus, post := writer(t, "a")
	everybody := question
	everybody.To = ""
	records := answer
	records.Look = nil
	if err := errors.Join(
		bus.Ask(t.Context(), question), bus.Ask(t.Context(), everybody), bus.Answer(t.Context(), "b", answer),
		bus.Answer(t.Context(), "b", records), bus.Tell(t.Context(), "b", outcome),
	); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ kind, subject string }{
		{"millrace.question.b", "a"}, {"millrace.question", "a"}, {"millrace.answer", "a/views"}, {"millrace.answer", "a"}, {"millrace.outcome", "o-1"},
	} {
		m := post.messages[i]
		if m.Metadata["ce_type"] != want.kind || m.Metadata["ce_subject"] != want.subject || m.Metadata["ce_source"] != "millrace/a" ||
			m.Metadata["ce_id"] != m.UUID || m.Metadata["ce_specversion"] != "1.0" {
			t.Errorf("letter %d has the headers %v, want type %s and subject %s", i, m.Metadata, want.kind, want.subject)
		}
		if at, err := time.Parse(time.RFC3339Nano, m.Metadata["ce_time"]); err != nil || time.Since(at) > time.Minute {
			t.Errorf("letter %d is of %s", i, m.Metadata["ce_time"])
		}
	}
	post.refuse = errBroken
	if err := bus.Tell(t.Context(), "b", outcome); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "millrace.outcomes.b") {
		t.Errorf("a letter that is not taken is %v, want %v", err, errBroken)
	}
}

// Who asks will ask again, so a letter is no dead letter, nor has a command failed.
func TestRouterForgetsLettersThatCannotBeHandled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bus, post := writer(t, "a")
		if err := bus.Tell(t.Context(), "b", outcome); err != nil {
			t.Fatal(err)
		}
		h := open(t, func(c *Config) { c.Store = "b" })
		tries := 0
		h.router.HandleOutcomes(1, func(context.Context, es.Outcome) error { tries++; return errBroken })
		h.router.HandleQuestions(1, func(context.Context, es.Question) error { t.Error("it was handled"); return nil })
		h.run()
		wantAcked(t, h.put("millrace.outcomes.b", post.messages[0].Copy()))
		wantAcked(t, h.put("millrace.questions.b", message.NewMessage("m", []byte("garbled"))))
		if h.wantNoneBuried(); tries != 3 {
			t.Errorf("it was tried %d times, want 3", tries)
		}
	})
}

func TestRouterTellsTheSenderWhatBecameOfACommand(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from    string
		refuses int // how often the outcome is not taken
		want    []string
	}{
		"in another store":                    {"a", 0, []string{"a"}},
		"in another store, until it is taken": {"a", 2, []string{"a", "a", "a"}},
		"in this store":                       {"b", 0, nil},
		"in a store of an older version":      {"", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := envelope("c-1")
				m, err := marshaler{test.from}.Marshal(&c)
				if err != nil {
					t.Fatal(err)
				}
				var told []string
				h := open(t, func(c *Config) {
					c.Store = "b"
					c.Tell = func(_ context.Context, store string, o es.Outcome) error {
						if told = append(told, store); !reflect.DeepEqual(o, outcome) {
							t.Errorf("told of %+v, want %+v", o, outcome)
						}
						if len(told) <= test.refuses {
							return errBroken
						}
						return nil
					}
				})
				h.router.HandleCommands("order.test", 1, func(context.Context, es.Envelope) (es.Outcome, error) { return outcome, nil })
				h.run()
				wantAcked(t, h.put(testCommands, m))
				if h.wantNoneBuried(); !slices.Equal(told, test.want) {
					t.Errorf("told %v, want %v", told, test.want)
				}
			})
		})
	}
}

func TestRouterImportsBeforeItTellsHandlers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from   string
		here   bool
		err    error
		want   []string
		buried bool
	}{
		"of another store's event":                    {"a", true, nil, []string{"import", "handle"}, false},
		"of nothing that could not be brought":        {"a", false, nil, []string{"import"}, false},
		"of nothing that the store does not take":     {"a", false, errBroken, []string{"import", "import", "import"}, true},
		"of an event of this store, without that":     {"b", false, errBroken, []string{"handle"}, false},
		"of an event of older versions, without that": {"", false, errBroken, []string{"handle"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := record("e-1", "o-1")
				m, err := marshaler{test.from}.Marshal(&r)
				if err != nil {
					t.Fatal(err)
				}
				var did []string
				h := open(t, func(c *Config) {
					c.Store = "b"
					c.Import = func(_ context.Context, r es.Record) (bool, error) {
						if did = append(did, "import"); r.Metadata.Origin != test.from || r.ID != "e-1" {
							t.Errorf("imports %+v, want e-1 of %s", r, test.from)
						}
						return test.here, test.err
					}
				})
				h.router.HandleEvents("views", nil, 1, func(context.Context, es.Record) error { did = append(did, "handle"); return nil })
				h.run()
				wantAcked(t, h.put(views, m))
				if !slices.Equal(did, test.want) || (len(h.buried()) > 0) != test.buried {
					t.Errorf("did %v and buried %d, want %v and buried: %t", did, len(h.buried()), test.want, test.buried)
				}
			})
		})
	}
}
