package es

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Sender accepts commands: it journals them, hands them to the broker, and sees
// to it that those without an outcome are handed over again.
type Sender struct {
	Journal  Journal
	Publish  func(context.Context, Envelope) error // returns once the broker has confirmed
	Log      *slog.Logger
	Now      func() time.Time
	Patience time.Duration // how long a command may stay without an outcome before it is sent again
}

// Send accepts a command and publishes it. From the moment it returns without an
// error the command will get an outcome, even if the broker is away: that is
// logged, and Run sends it later.
func (s *Sender) Send(ctx context.Context, c Envelope) (o Outcome, known bool, err error) {
	o, known, err = s.Journal.Accept(ctx, c)
	if err != nil {
		return Outcome{}, false, fmt.Errorf("accept %s %s: %w", c.Type, c.ID, err)
	}
	if !known {
		s.Hand(ctx, []Envelope{c})
	}
	return o, known, nil
}

// handTimeout is how long a broker may take to take a command. After that the
// command waits to be sent again.
const handTimeout = 5 * time.Second

// Hand publishes commands that are in the journal already. It goes on when ctx
// is done: whoever asked may have left, but the command stands.
func (s *Sender) Hand(ctx context.Context, commands []Envelope) {
	for _, c := range commands {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handTimeout)
		err := s.Publish(ctx, c)
		cancel()
		if err != nil {
			s.Log.WarnContext(ctx, "publish a command, which will be sent again", "command", c.ID, "type", c.Type, "err", err)
		}
	}
}

// Run publishes commands that have no outcome: at the start all of them, then
// those that have waited longer than Patience. It returns when ctx is done.
func (s *Sender) Run(ctx context.Context) error {
	before := s.Now()
	for {
		if err := s.resend(ctx, before); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "send unfinished commands again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.Patience / 2):
		}
		before = s.Now().Add(-s.Patience)
	}
}

func (s *Sender) resend(ctx context.Context, before time.Time) error {
	const batch = 500
	var last Envelope
	for {
		commands, err := s.Journal.Unfinished(ctx, before, last, batch)
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		s.Hand(ctx, commands)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(commands) < batch {
			return nil
		}
		last = commands[len(commands)-1]
	}
}
