package adminapi

import (
	"encoding/json"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
)

// Process is a process as those see it who look after it.
type Process struct {
	Name            string                   `json:"name"`
	ID              string                   `json:"id"`
	Version         es.Version               `json:"version"`
	State           json.RawMessage          `json:"state"`
	Done            bool                     `json:"done"`
	Waits           string                   `json:"waits"`
	Trouble         string                   `json:"trouble"`
	Stuck           []string                 `json:"stuck"` // why it does not get on; empty if it does
	Timers          []es.Timer               `json:"timers"`
	Steps           []ProcessStep            `json:"steps"`
	PendingCommands []SentCommand            `json:"pending_commands"`
	Streams         map[es.Stream]es.Version `json:"streams"` // how far it has seen them
	StartedAt       time.Time                `json:"started_at"`
	UpdatedAt       time.Time                `json:"updated_at"`
	CorrelationID   string                   `json:"correlation_id"`
}

// ProcessStep is one thing that a process has seen, and what it sent.
type ProcessStep struct {
	At      time.Time     `json:"at"`
	Event   string        `json:"event"`
	EventID string        `json:"event_id"`
	Stream  es.Stream     `json:"stream,omitempty"`
	Version es.Version    `json:"version,omitempty"`
	Timer   string        `json:"timer,omitempty"`
	Sent    []SentCommand `json:"sent"`
}

// SentCommand is a command that a process has sent, and what became of it.
type SentCommand struct {
	ID      string      `json:"id"`
	Type    string      `json:"type"`
	Target  string      `json:"target"`
	SentAt  time.Time   `json:"sent_at"`
	Status  es.Status   `json:"status"`
	Problem *es.Problem `json:"problem,omitempty"`
}

// ShowProcess returns what is shown of a process at a time.
func ShowProcess(row query.ProcessRow, now time.Time) Process {
	i := row.Instance
	p := Process{
		Name: row.Name, ID: row.ID, Version: i.Version, State: i.State,
		Done: i.Standing.Done, Waits: i.Standing.Waits, Trouble: i.Standing.Trouble,
		Stuck:  append([]string{}, row.Stuck(now)...), // rather empty than null, here and below
		Timers: append([]es.Timer{}, i.Timers...), Steps: make([]ProcessStep, len(i.Steps)),
		PendingCommands: []SentCommand{}, Streams: row.Streams,
		StartedAt: i.StartedAt, UpdatedAt: row.UpdatedAt, CorrelationID: i.CorrelationID,
	}
	for n, t := range p.Timers {
		if t.IsRetry() { // whose time says which wish it is, and not since when
			p.Timers[n].At = row.UpdatedAt
		}
	}
	for n, s := range i.Steps {
		p.Steps[n] = ProcessStep{
			At: s.At, Event: s.Event, EventID: s.EventID, Stream: s.Stream, Version: s.Version, Timer: s.Timer,
			Sent: make([]SentCommand, len(s.Sent)),
		}
		for k, c := range s.Sent {
			p.Steps[n].Sent[k] = showCommand(row, query.SentBy{SentCommand: c, At: s.At})
		}
	}
	for _, c := range row.Pending() {
		p.PendingCommands = append(p.PendingCommands, showCommand(row, c))
	}
	if p.Streams == nil {
		p.Streams = map[es.Stream]es.Version{}
	}
	return p
}

func showCommand(row query.ProcessRow, c query.SentBy) SentCommand {
	o, decided := row.Outcomes[c.ID]
	if !decided {
		o.Status = es.StatusPending
	}
	return SentCommand{ID: c.ID, Type: c.Type, Target: c.Target, SentAt: c.At, Status: o.Status, Problem: o.Problem}
}
