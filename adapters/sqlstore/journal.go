package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// acceptance is a command to be journaled, and what was there under its id.
type acceptance struct {
	envelope es.Envelope
	known    bool
	unknown  bool // whether it may have been written already, see write
}

// Accept implements es.Journal.
func (s *Store) Accept(ctx context.Context, c es.Envelope) (es.Outcome, bool, error) {
	a := &acceptance{envelope: c}
	crash.Point("journal.before")
	if err := s.commits.do(ctx, acceptKind, a); err != nil {
		return es.Outcome{}, false, err
	}
	crash.Point("journal.after")
	if a.known {
		o, err := s.Outcome(ctx, c.ID)
		return o, true, err
	}
	return es.Outcome{CommandID: c.ID, CommandType: c.Type, Target: c.Target, Status: es.StatusPending}, false, nil
}

var acceptKind = &kind{name: "accept", run: func(ctx context.Context, t *tx, writes []*write) error {
	accepts := argsOf[*acceptance](writes)
	for i, a := range accepts {
		a.unknown = writes[i].unknown
	}
	return acceptAll(ctx, t, accepts, func(i int) { writes[i].err = es.ErrIDReused })
}}

// acceptAll journals those commands whose ids are new. One that has an outcome,
// since it came straight from the broker, need not be sent; should it be listed as
// unfinished all the same, Unfinished leaves it out.
func acceptAll(ctx context.Context, t *tx, accepts []*acceptance, reused func(i int)) error {
	ids := make([]string, len(accepts))
	for i, a := range accepts {
		ids[i] = a.envelope.ID
	}
	if t.assumes {
		ids = nil
	}
	prints := make(map[string]string, len(accepts))
	err := t.lookup(ctx, "SELECT id, fingerprint FROM commands WHERE id IN (%s)", "?", ",", anys(ids), func(rows *sql.Rows) error {
		var id, fingerprint string
		err := rows.Scan(&id, &fingerprint)
		prints[id] = fingerprint
		return err
	})
	if err != nil {
		return fmt.Errorf("read commands: %w", err)
	}

	decided, err := decidedCommands(ctx, t, ids)
	if err != nil {
		return err
	}

	var commands, unfinished [][]any
	for i, a := range accepts {
		c := a.envelope
		if fingerprint, known := prints[c.ID]; known {
			// What may have been committed by an earlier run of this transaction has
			// to count as new to the caller: nobody else might send it.
			if a.known = !a.unknown; fingerprint != c.Fingerprint {
				reused(i)
			}
			continue
		}
		prints[c.ID] = c.Fingerprint
		expected, err := json.Marshal(c.Expected)
		if err != nil {
			return fmt.Errorf("encode expected versions: %w", err)
		}
		metadata, err := json.Marshal(c.Metadata)
		if err != nil {
			return fmt.Errorf("encode metadata: %w", err)
		}
		at := c.AcceptedAt.UnixMicro()
		commands = append(commands, []any{c.ID, c.Type, c.Target, c.Schema, []byte(c.Payload), expected, c.Fingerprint, metadata, at})
		if !decided[c.ID] {
			unfinished = append(unfinished, []any{c.ID, at})
		}
	}
	if err := t.insert(ctx, "commands", "id, type, target, `schema`, payload, expected, fingerprint, metadata, accepted_at", "", commands); err != nil {
		return err
	}
	return t.insert(ctx, "unfinished_commands", "id, accepted_at", "", unfinished)
}

// Finish implements es.Journal.
func (s *Store) Finish(ctx context.Context, o es.Outcome) error {
	crash.Point("finish.before")
	err := s.commits.do(ctx, finishKind, o)
	if err == nil {
		crash.Point("finish.after")
	}
	return err
}

var finishKind = &kind{name: "finish", writer: 1, run: func(ctx context.Context, t *tx, writes []*write) error {
	all := argsOf[es.Outcome](writes)
	ids := make([]string, len(all))
	for i, o := range all {
		ids[i] = o.CommandID
	}
	decided, err := decidedCommands(ctx, t, ids)
	if err != nil {
		return err
	}
	var outcomes []es.Outcome
	for i, o := range all {
		if decided[o.CommandID] {
			writes[i].err = es.ErrDecided
			continue
		}
		decided[o.CommandID] = true
		outcomes = append(outcomes, o)
	}
	return insertOutcomes(ctx, t, outcomes)
}}

func decidedCommands(ctx context.Context, t *tx, ids []string) (map[string]bool, error) {
	decided := make(map[string]bool, len(ids))
	err := t.lookup(ctx, "SELECT command_id FROM outcomes WHERE command_id IN (%s)", "?", ",", anys(ids), func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		decided[id] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read outcomes: %w", err)
	}
	return decided, nil
}

func insertOutcomes(ctx context.Context, t *tx, outcomes []es.Outcome) error {
	now := time.Now().UnixMicro()
	rows := make([][]any, len(outcomes))
	ids := make([]string, len(outcomes))
	for i, o := range outcomes {
		problem, err := json.Marshal(o.Problem)
		if err != nil {
			return fmt.Errorf("encode problem: %w", err)
		}
		rows[i] = []any{o.CommandID, o.CommandType, o.Target, string(o.Status), int64(o.Version), problem, now}
		ids[i] = o.CommandID
	}
	if err := t.insert(ctx, "outcomes", "command_id, type, target, status, version, problem, decided_at", "", rows); err != nil {
		return err
	}
	return t.delete(ctx, "unfinished_commands", "id", anys(ids))
}

// Outcome implements es.Journal. A command may have an outcome without ever
// having been accepted, if somebody sent it straight to the broker.
func (s *Store) Outcome(ctx context.Context, id string) (es.Outcome, error) {
	found, err := s.Outcomes(ctx, []string{id})
	if err != nil {
		return es.Outcome{}, err
	}
	if o, ok := found[id]; ok {
		return o, nil
	}
	o := es.Outcome{CommandID: id, Status: es.StatusPending}
	err = s.queryRow(ctx, "SELECT type, target FROM commands WHERE id = ?", []any{id}, &o.CommandType, &o.Target)
	if errors.Is(err, sql.ErrNoRows) {
		return o, es.ErrUnknownCommand
	}
	if err != nil {
		return o, fmt.Errorf("read outcome of %s: %w", id, err)
	}
	return o, nil
}

// Outcomes returns those outcomes that some commands have by now.
func (s *Store) Outcomes(ctx context.Context, ids []string) (map[string]es.Outcome, error) {
	found := make(map[string]es.Outcome, len(ids))
	for part := range slices.Chunk(ids, maxKeys) {
		args := fill(part)
		rows, err := s.query(ctx, "SELECT command_id, type, target, status, version, problem FROM outcomes WHERE command_id IN ("+
			list("?", ",", len(args))+")", args...)
		if err != nil {
			return nil, fmt.Errorf("read %d outcomes: %w", len(part), err)
		}
		if err := scanOutcomes(rows, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func scanOutcomes(rows *sql.Rows, found map[string]es.Outcome) error {
	defer rows.Close()
	for rows.Next() {
		var o es.Outcome
		var problem []byte
		if err := rows.Scan(&o.CommandID, &o.CommandType, &o.Target, &o.Status, &o.Version, &problem); err != nil {
			return fmt.Errorf("scan outcome: %w", err)
		}
		if err := json.Unmarshal(problem, &o.Problem); err != nil {
			return fmt.Errorf("decode problem of %s: %w", o.CommandID, err)
		}
		found[o.CommandID] = o
	}
	return errors.Join(rows.Err(), rows.Close())
}

// Unfinished implements es.Journal.
func (s *Store) Unfinished(ctx context.Context, before time.Time, after es.Envelope, limit int) ([]es.Envelope, error) {
	var from int64
	if after.ID != "" {
		from = after.AcceptedAt.UnixMicro()
	}
	rows, err := s.query(ctx, `SELECT c.id, c.type, c.target, c.schema, c.payload, c.expected, c.fingerprint, c.metadata, c.accepted_at
		FROM unfinished_commands u JOIN commands c ON c.id = u.id
		WHERE NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.command_id = u.id) AND u.accepted_at < ? AND (u.accepted_at > ? OR (u.accepted_at = ? AND u.id > ?))
		ORDER BY u.accepted_at, u.id LIMIT ?`, before.UnixMicro(), from, from, after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("read unfinished commands: %w", err)
	}
	defer rows.Close()
	var commands []es.Envelope
	for rows.Next() {
		c, err := scanEnvelope(rows)
		if err != nil {
			return nil, err
		}
		commands = append(commands, c)
	}
	return commands, rows.Err()
}

func scanEnvelope(rows *sql.Rows) (es.Envelope, error) {
	var (
		c                           es.Envelope
		payload, expected, metadata []byte
		at                          int64
	)
	if err := rows.Scan(&c.ID, &c.Type, &c.Target, &c.Schema, &payload, &expected, &c.Fingerprint, &metadata, &at); err != nil {
		return c, fmt.Errorf("scan command: %w", err)
	}
	if err := errors.Join(json.Unmarshal(expected, &c.Expected), json.Unmarshal(metadata, &c.Metadata)); err != nil {
		return c, fmt.Errorf("decode command %s: %w", c.ID, err)
	}
	c.Payload, c.AcceptedAt = payload, time.UnixMicro(at).UTC()
	return c, nil
}
