package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/millrace/millrace/internal/es"
)

// Stores that share a broker and nothing else write letters to each other. Who asks
// has its answers and outcomes in queues of its own.

// QuestionsTopic is where stores ask each other.
const QuestionsTopic = "millrace.questions"

const (
	answersTopic  = "millrace.answers"
	outcomesTopic = "millrace.outcomes"
)

// AnswersTopic returns the topic for answers to a store.
func AnswersTopic(store string) string { return answersTopic + "." + store }

// OutcomesTopic returns the topic for outcomes of a store's commands.
func OutcomesTopic(store string) string { return outcomesTopic + "." + store }

// isLetter tells whether a topic is for letters.
func isLetter(topic string) bool {
	return topic == QuestionsTopic || strings.HasPrefix(topic, answersTopic+".") || strings.HasPrefix(topic, outcomesTopic+".")
}

// Types of letters. A question to one store has a type of its own, so that the broker
// brings it to no other.
const (
	answerType   = "millrace.answer"
	outcomeType  = "millrace.outcome"
	questionType = "millrace.question"
)

func questionTo(store string) string {
	if store == "" {
		return questionType
	}
	return questionType + "." + store
}

// carriedRecord is a record in an answer. Its data are bytes, since they are to arrive
// as they are.
type carriedRecord struct {
	ID         string      `json:"id"`
	Stream     es.Stream   `json:"stream"`
	Version    es.Version  `json:"version"`
	Type       string      `json:"type"`
	Schema     int         `json:"schema"`
	Data       []byte      `json:"data"`
	Metadata   es.Metadata `json:"metadata"`
	OccurredAt time.Time   `json:"occurred_at"`
}

// carriedAnswer is an es.Answer on the wire.
type carriedAnswer struct {
	From    string          `json:"from"`
	Look    *es.Look        `json:"look,omitempty"`
	Stretch *es.Stretch     `json:"stretch,omitempty"`
	Records []carriedRecord `json:"records,omitempty"`
	Then    *es.Look        `json:"then,omitempty"`
}

// carriedOutcome is an es.Outcome on the wire.
type carriedOutcome struct {
	CommandID   string      `json:"command_id"`
	CommandType string      `json:"command_type"`
	Target      string      `json:"target"`
	Status      es.Status   `json:"status"`
	Version     es.Version  `json:"version"`
	Problem     *es.Problem `json:"problem,omitempty"`
}

func carryAnswer(a es.Answer) carriedAnswer {
	c := carriedAnswer{From: a.From, Look: a.Look, Then: a.Then}
	if a.Look != nil {
		c.Stretch = &a.Stretch
	}
	for _, r := range a.Records {
		c.Records = append(c.Records, carriedRecord{r.ID, r.Stream, r.Version, r.Type, r.Schema, r.Data, r.Metadata, r.OccurredAt})
	}
	return c
}

func (c carriedAnswer) answer() es.Answer {
	a := es.Answer{From: c.From, Look: c.Look, Then: c.Then}
	if c.Stretch != nil {
		a.Stretch = *c.Stretch
	}
	for _, r := range c.Records {
		a.Records = append(a.Records, es.Record{
			ID: r.ID, Stream: r.Stream, Version: r.Version, Type: r.Type, Schema: r.Schema,
			Data: r.Data, Metadata: r.Metadata, OccurredAt: r.OccurredAt.UTC(),
		})
	}
	return a
}

// Ask publishes a question. That nobody is there to answer it is no error.
func (b *Bus) Ask(ctx context.Context, q es.Question) error {
	return b.write(ctx, QuestionsTopic, questionTo(q.To), q.From, q)
}

// Answer publishes an answer to a store. Records and looks of one store go side by
// side, so that the former do not wait for the latter.
func (b *Bus) Answer(ctx context.Context, to string, a es.Answer) error {
	subject := a.From
	if a.Look != nil {
		subject += "/" + a.Look.Handler
	}
	return b.write(ctx, AnswersTopic(to), answerType, subject, carryAnswer(a))
}

// Tell publishes what became of a command, to the store that sent it.
func (b *Bus) Tell(ctx context.Context, store string, o es.Outcome) error {
	return b.write(ctx, OutcomesTopic(store), outcomeType, o.Target, carriedOutcome(o))
}

func (b *Bus) write(ctx context.Context, topic, name, subject string, letter any) error {
	payload, err := json.Marshal(letter)
	if err != nil {
		return fmt.Errorf("encode a letter to %s: %w", topic, err)
	}
	m := newMessage(watermill.NewUUID(), name, subject, time.Now(), payload, es.Metadata{})
	m.Metadata.Set(headerSource, marshaler{b.store}.source())
	m.SetContext(ctx)
	if err := b.letters.Publish(topic, m); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return nil
}

// HandleQuestions feeds questions to this store, or to all, to a handler.
func (r *Router) HandleQuestions(concurrency int, handle func(context.Context, es.Question) error) {
	store := r.config.Store
	queue := Queue{
		Group: QuestionsTopic + "." + store, Concurrency: concurrency, Lossy: true,
		Types: []string{questionTo(""), questionTo(store)},
	}
	r.add(queue.Group, QuestionsTopic, queue, read(handle))
}

// HandleAnswers feeds answers to this store to a handler.
func (r *Router) HandleAnswers(concurrency int, handle func(context.Context, es.Answer) error) {
	topic := AnswersTopic(r.config.Store)
	r.add(topic, topic, Queue{Group: topic, Concurrency: concurrency, Lossy: true},
		read(func(ctx context.Context, c carriedAnswer) error { return handle(ctx, c.answer()) }))
}

// HandleOutcomes feeds outcomes of commands that this store has sent to a handler.
func (r *Router) HandleOutcomes(concurrency int, handle func(context.Context, es.Outcome) error) {
	topic := OutcomesTopic(r.config.Store)
	r.add(topic, topic, Queue{Group: topic, Concurrency: concurrency},
		read(func(ctx context.Context, c carriedOutcome) error { return handle(ctx, es.Outcome(c)) }))
}

// read hands the letter in a message to a handler.
func read[L any](handle func(context.Context, L) error) message.NoPublishHandlerFunc {
	return func(m *message.Message) error {
		var letter L
		if err := json.Unmarshal(m.Payload, &letter); err != nil {
			return errors.Join(errUnreadable, err)
		}
		return handle(m.Context(), letter)
	}
}
