// Package httpkit is what listeners for HTTP have in common: how a write is taken
// in and answered, and how problems, versions and tokens look. It is no port itself.
package httpkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/internal/es"
)

// maxKey is how long an Idempotency-Key may be, in bytes.
const maxKey = 255

// Commands accepts commands and waits for their outcomes. es.Requester does.
type Commands interface {
	Request(ctx context.Context, c es.Envelope, wait time.Duration) (es.Outcome, error)
}

// WritesConfig is what writes need.
type WritesConfig struct {
	Commands Commands
	Codec    *command.Codec
	Log      *slog.Logger
	Now      func() time.Time
	NewID    func() string

	// Max is how many writes may wait for their outcome at a time. More are
	// answered with 503, since accepting what cannot be completed helps nobody.
	Max int
}

// Writes takes writes in.
type Writes struct {
	WritesConfig
	underWay chan struct{} // holds one token for each
}

// NewWrites returns what takes writes in.
func NewWrites(c WritesConfig) *Writes {
	return &Writes{WritesConfig: c, underWay: make(chan struct{}, c.Max)}
}

// Params are the headers of a write.
type Params struct {
	IdempotencyKey, Prefer, IfMatch, Traceparent string
}

// Write is one write.
type Write struct {
	Params
	Caller  string // who asks; keys of different callers do not meet
	Command command.Command

	// Body is what the client sent, so that a key used again for another request is
	// told apart.
	Body any

	// Outcomes is the path below which the listener has the outcomes of its writes.
	Outcomes string

	// Show returns what was written as it was at the outcome's version, and its path.
	// Without it the outcome is all that there is to answer.
	Show func(context.Context, es.Outcome) (body any, path string, err error)
}

// Do sends a command and answers with its outcome, or with 202 when that takes
// longer than the client wants to wait.
func (s *Writes) Do(ctx context.Context, w Write) (Answer, error) {
	select {
	case s.underWay <- struct{}{}:
		defer func() { <-s.underWay }()
	default:
		return Answer{}, No("overloaded", "too many writes are waiting for their outcome")
	}
	if c, ok := w.Command.(command.Checked); ok {
		if err := c.Check(); err != nil {
			return Answer{}, err
		}
	}
	prefer := parsePrefer(w.Prefer)
	envelope, err := s.envelope(w)
	if err != nil {
		return Answer{}, err
	}
	outcome, err := s.Commands.Request(ctx, envelope, prefer.wait)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Outcome: outcome, Known: w.Outcomes + outcome.CommandID}
	switch outcome.Status {
	case es.StatusPending:
		answer.Applied = prefer.applied(true, false)
		return answer, nil
	case es.StatusRejected, es.StatusFailed:
		return Answer{}, Refusal(outcome)
	}
	if prefer.representation && w.Show != nil {
		answer.Body, answer.Path, err = w.Show(ctx, outcome)
		if err != nil { // the write stands, and its outcome is an answer too
			s.Log.WarnContext(ctx, "read what was written", "command", outcome.CommandID, "of", outcome.Target, "err", err)
			answer.Body = nil
		}
	}
	answer.Applied = prefer.applied(false, answer.Body != nil)
	return answer, nil
}

// envelope makes the command ready to be sent. With an Idempotency-Key its id
// follows from the caller, the operation and the key.
func (s *Writes) envelope(w Write) (es.Envelope, error) {
	e, err := command.Seal(s.Codec, w.Command)
	if err != nil {
		return e, err
	}
	if e.Expected, err = expectedVersions(w.IfMatch); err != nil {
		return e, err
	}
	e.ID = s.NewID()
	if len(w.IdempotencyKey) > maxKey {
		return e, BadParameter("/header/Idempotency-Key", fmt.Sprintf("must have at most %d bytes", maxKey))
	}
	if w.IdempotencyKey != "" {
		e.ID = es.DeriveID("request", w.Caller, e.Type, w.IdempotencyKey)
		if e.Fingerprint, err = fingerprint(w.Command, w.Body); err != nil {
			return e, err
		}
	}
	e.AcceptedAt = s.Now()
	e.Metadata = es.Metadata{
		CorrelationID: e.ID, Actor: w.Caller, Traceparent: s.traceparent(w.Traceparent),
	}
	return e, nil
}

// fingerprint tells requests under one key apart: by what was sent, and to which
// order, payment or ticket unless it is an order that is yet to be made.
func fingerprint(c command.Command, body any) (string, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode the body: %w", err)
	}
	h := sha256.New()
	if _, fresh := c.(command.CreateOrder); !fresh {
		fmt.Fprintln(h, c.Target())
	}
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)), nil
}
