package messages_test

import (
	"encoding/base64"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/messages"
)

// anyStore stands for a store's id in the addresses of channels.
const anyStore = "{store}"

// letters are what stores write each other, by their names.
var letters = map[string]struct {
	channel, address, exchange string
	payload                    reflect.Type
}{
	"millrace.outcome":  {"outcomes", messages.OutcomesTopic(anyStore), messages.OutcomesTopic(""), reflect.TypeFor[messages.CarriedOutcome]()},
	"millrace.question": {"questions", messages.QuestionsTopic, messages.QuestionsTopic, reflect.TypeFor[es.Question]()},
	"millrace.answer":   {"answers", messages.AnswersTopic(anyStore), messages.AnswersTopic(""), reflect.TypeFor[messages.CarriedAnswer]()},
}

func TestContractHasEveryLetterAndItsChannel(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	all := c.kind("letter")
	if got, want := names(all), names(letters); !slices.Equal(got, want) {
		t.Errorf("the contract has the letters %v, want %v", got, want)
	}
	for name, want := range letters {
		channel := c.at("/channels/" + want.channel)
		if got := names(channel["messages"].(object)); channel["address"] != want.address || !slices.Equal(got, []string{name}) {
			t.Errorf("the channel of %s is at %v and has %v, want it at %s", name, channel["address"], got, want.address)
		}
		c.wantExchange(channel, want.exchange)
		if all[name]["name"] != name {
			t.Errorf("%s calls itself %v", name, all[name]["name"])
		}
	}
}

func TestContractHasEveryFieldOfLetters(t *testing.T) {
	t.Parallel()
	c := readContract(t)
	for name, letter := range letters {
		c.compare(name, c.at("/components/messages/"+name+"/payload"), letter.payload)
	}
}

func TestLettersKeepTheContract(t *testing.T) {
	t.Parallel()
	c, strict := readContract(t), readContract(t).strict()
	look := es.Look{Handler: "checkout 5b0c7a91", Types: []string{"order.submitted"}, After: map[string]es.Position{other: 17}}
	tails := []es.Tail{{Stream: "order-7", After: 0}, {Stream: "ticket-7", After: 3}}
	record := es.Record{
		ID: "e-1", Stream: "order-7", Version: 1, Type: "order.created", Schema: 2, Data: []byte(`{}`),
		Metadata: es.Metadata{
			CommandID: "c-1", CorrelationID: "r-1", CausationID: "m-1", Actor: "anonymous",
			Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		},
		OccurredAt: time.Date(2025, 3, 1, 12, 0, 0, 123_456_000, time.FixedZone("", 3600)),
	}
	bare := record
	bare.Metadata = es.Metadata{}
	done := es.Outcome{CommandID: "c-1", CommandType: "order.cancel", Target: "7", Status: es.StatusSucceeded, Version: 6}
	failed := es.Outcome{
		CommandID: "c-1", CommandType: "order.cancel", Target: "7", Status: es.StatusFailed,
		Problem: &es.Problem{Code: "command_failed", Detail: "it could not be carried out"},
	}
	for what, test := range map[string]struct {
		name, topic string
		letter      any
	}{
		"a question to all":             {"millrace.question", messages.QuestionsTopic, es.Question{From: here, Looks: []es.Look{look, {Handler: "all"}}}},
		"a question to one store":       {"millrace.question", messages.QuestionsTopic, es.Question{From: here, To: other, Looks: []es.Look{look}}},
		"a question for events":         {"millrace.question", messages.QuestionsTopic, es.Question{From: here, To: other, Tails: tails, Then: &look}},
		"an answer to a look":           {"millrace.answer", messages.AnswersTopic(other), es.Answer{From: here, Look: &look, Stretch: es.Stretch{UpTo: 21, Head: 40, Streams: map[es.Stream]es.Version{"order-7": 6}}}},
		"an answer from an empty store": {"millrace.answer", messages.AnswersTopic(other), es.Answer{From: here, Look: &look}},
		"an answer with events":         {"millrace.answer", messages.AnswersTopic(other), es.Answer{From: here, Records: []es.Record{record, bare}}},
		"the last answer with events":   {"millrace.answer", messages.AnswersTopic(other), es.Answer{From: here, Records: []es.Record{record}, Then: &look}},
		"an outcome that is a yes":      {"millrace.outcome", messages.OutcomesTopic(other), done},
		"an outcome that is a failure":  {"millrace.outcome", messages.OutcomesTopic(other), failed},
	} {
		r, pointer := carried(t, test.letter), "/components/messages/"+test.name
		headers := object{}
		for key, value := range r.sent.Metadata {
			headers[key] = value
		}
		if err := c.schema(pointer + "/headers").Validate(headers); err != nil {
			t.Errorf("%s: %#v", what, err)
		}
		all, required := c.headers(c.at(pointer + "/headers"))
		if got := names(headers); !slices.Equal(got, all) || !slices.Equal(got, required) {
			t.Errorf("%s has the headers\n\t%v\nof\n\t%v\nwhich always has\n\t%v", what, got, all, required)
		}
		if err := strict.schema(pointer + "/payload").Validate(decoded(t, r.sent.Payload)); err != nil {
			t.Errorf("%s: %s\n%#v", what, r.sent.Payload, err)
		}
		if r.topic != test.topic {
			t.Errorf("%s goes to %s, want %s", what, r.topic, test.topic)
		}
	}
}

func TestExamplesOfAnswersHoldEvents(t *testing.T) {
	t.Parallel()
	c, found := readContract(t).strict(), 0
	for _, example := range c.at("/components/messages/millrace.answer")["examples"].([]any) {
		records, _ := example.(object)["payload"].(object)["records"].([]any)
		for _, record := range records {
			record := record.(object)
			data, err := base64.StdEncoding.DecodeString(record["data"].(string))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.schema("/components/messages/" + record["type"].(string) + "/payload").Validate(decoded(t, data)); err != nil {
				t.Errorf("%s: %#v", record["type"], err)
			}
			found++
		}
	}
	if found == 0 {
		t.Error("no example holds an event")
	}
}
