package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
)

// anonymous is who calls as long as nobody has to say who they are.
const anonymous = "anonymous"

// maxKey is how long an Idempotency-Key may be, in bytes.
const maxKey = 255

// writeParams are the headers of a write.
type writeParams struct {
	IdempotencyKey, Prefer, IfMatch, Traceparent string
}

// write sends a command and answers with its outcome, or with 202 when that
// takes longer than the client wants to wait. The body is what the client sent,
// so that a key used again for another request is told apart.
func (s *server) write(ctx context.Context, p writeParams, c command.Command, body any) (writeResponse, error) {
	select {
	case s.writes <- struct{}{}:
		defer func() { <-s.writes }()
	default:
		return writeResponse{}, problem("overloaded", "too many writes are waiting for their outcome")
	}
	if c, ok := c.(command.Checked); ok {
		if err := c.Check(); err != nil {
			return writeResponse{}, err
		}
	}
	prefer := parsePrefer(p.Prefer)
	envelope, err := s.envelope(p, c, body)
	if err != nil {
		return writeResponse{}, err
	}
	outcome, err := s.Commands.Request(ctx, envelope, prefer.wait)
	if err != nil {
		return writeResponse{}, err
	}
	answer := writeResponse{outcome: outcome}
	switch outcome.Status {
	case es.StatusPending:
		answer.applied = prefer.applied(true, false)
		return answer, nil
	case es.StatusRejected, es.StatusFailed:
		return writeResponse{}, refusal(outcome)
	}
	if prefer.representation {
		row, err := s.History.AtVersion(ctx, order.ID(outcome.Target), outcome.Version)
		if err != nil { // the write stands, and its outcome is an answer too
			s.Log.WarnContext(ctx, "read what was written", "order", outcome.Target, "err", err)
		} else {
			answer.order = &row
		}
	}
	answer.applied = prefer.applied(false, answer.order != nil)
	return answer, nil
}

// envelope makes the command ready to be sent. With an Idempotency-Key its id
// follows from the caller, the operation and the key.
func (s *server) envelope(p writeParams, c command.Command, body any) (es.Envelope, error) {
	e, err := command.Seal(s.Codec, c)
	if err != nil {
		return e, err
	}
	if e.Expected, err = expectedVersions(p.IfMatch); err != nil {
		return e, err
	}
	e.ID = s.NewID()
	if len(p.IdempotencyKey) > maxKey {
		detail := fmt.Sprintf("must have at most %d bytes", maxKey)
		return e, problem("invalid_parameter", "/header/Idempotency-Key "+detail,
			contract.InputError{Pointer: "/header/Idempotency-Key", Detail: detail})
	}
	if p.IdempotencyKey != "" {
		e.ID = es.DeriveID("request", anonymous, e.Type, p.IdempotencyKey)
		if e.Fingerprint, err = fingerprint(c, body); err != nil {
			return e, err
		}
	}
	e.AcceptedAt = s.Now()
	e.Metadata = es.Metadata{
		CorrelationID: e.ID, Actor: anonymous, Traceparent: s.traceparent(p.Traceparent),
	}
	return e, nil
}

// fingerprint tells requests under one key apart: by what was sent, and to which
// order unless the order is yet to be made.
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

// refusal is the answer to a command that did not succeed.
func refusal(o es.Outcome) error {
	p := problem("command_failed", "the command could not be carried out")
	if o.Problem != nil {
		p = problem(o.Problem.Code, o.Problem.Detail)
	}
	p.CommandID, p.OrderID = o.CommandID, o.Target
	return p
}

// fresh waits until the views have seen the write that a token stands for.
func (s *server) fresh(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	stream, version, err := parseConsistencyToken(token)
	if err != nil {
		return err
	}
	return s.Freshness.Wait(ctx, stream, version)
}
