package es

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
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

	// Leader lets one of several processes send again. It may be nil.
	Leader *Leader

	mu      sync.Mutex
	refused []Envelope // what the broker has not taken, oldest first
	away    bool       // whether the broker did not take the last command
}

// Accept journals a command, which the caller hands to the broker next unless it
// was known. From the moment it returns without an error the command will get an
// outcome, even if the broker is away.
func (s *Sender) Accept(ctx context.Context, c Envelope) (o Outcome, known bool, err error) {
	o, known, err = s.Journal.Accept(ctx, c)
	if err != nil {
		return Outcome{}, false, fmt.Errorf("accept %s %s: %w", c.Type, c.ID, err)
	}
	return o, known, nil
}

const (
	// handTimeout is how long a broker may take to take a command. After that the
	// command waits to be sent again.
	handTimeout = 5 * time.Second

	// handing is how many commands are published at a time when there are many.
	handing = 64

	// maxRefused is how many commands are remembered that the broker has not
	// taken. Those beyond are found in the journal, once Patience is over.
	maxRefused = 10_000
)

// Hand publishes commands that are in the journal already. It goes on when ctx
// is done: whoever asked may have left, but the command stands.
func (s *Sender) Hand(ctx context.Context, commands []Envelope) {
	s.handAll(context.WithoutCancel(ctx), commands)
}

func (s *Sender) hand(ctx context.Context, c Envelope) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), handTimeout)
	defer cancel()
	err := s.Publish(limited, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.away = false
		return
	}
	if !s.away { // said once, not for every command
		s.Log.WarnContext(ctx, "publish a command, which will be sent again", "command", c.ID, "type", c.Type, "err", err)
	}
	s.away = true
	if len(s.refused) < maxRefused {
		s.refused = append(s.refused, c)
	}
}

// Retry publishes what the broker has not taken, every so often, until ctx is
// done. It makes no haste while the broker takes nothing.
func (s *Sender) Retry(ctx context.Context) error {
	for pause := time.Second; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		s.mu.Lock()
		commands := s.refused
		s.refused = nil
		s.mu.Unlock()
		if len(commands) == 0 {
			continue
		}
		s.hand(ctx, commands[0])
		rest := commands[1:]
		if s.isAway() {
			s.putBack(commands[0].Target, rest)
			continue
		}
		s.handAll(ctx, rest)
	}
}

// putBack remembers commands again, after one for a target that was not taken. That
// one goes last, since it may be one that no queue takes, and so do those for the
// same target, in their order.
func (s *Sender) putBack(target string, rest []Envelope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var others, same []Envelope
	for _, c := range rest {
		if c.Target == target {
			same = append(same, c)
		} else {
			others = append(others, c)
		}
	}
	all := slices.Concat(others, s.refused, same)
	s.refused = all[:min(len(all), maxRefused)]
}

func (s *Sender) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// handAll publishes many commands, several at a time, but those for one aggregate
// one after the other. It begins no more of them when ctx is done.
func (s *Sender) handAll(ctx context.Context, commands []Envelope) {
	lanes := map[string][]Envelope{}
	for _, c := range commands {
		lanes[c.Target] = append(lanes[c.Target], c)
	}
	var work sync.WaitGroup
	places := make(chan struct{}, handing)
	for _, lane := range lanes {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			for _, c := range lane {
				if ctx.Err() == nil { // the journal has the others
					s.hand(ctx, c)
				}
			}
		})
	}
	work.Wait()
}

// Run publishes commands that have no outcome: at the start all of them, then
// those that have waited longer than Patience. It returns when ctx is done.
func (s *Sender) Run(ctx context.Context) error {
	if s.Leader != nil {
		defer func() { s.Leader.Leave(ctx) }()
	}
	before := s.Now()
	for {
		if err := s.resend(ctx, before); err != nil && ctx.Err() == nil && !errors.Is(err, ErrFenced) {
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
		if s.Leader != nil {
			if _, err := s.Leader.Lead(ctx); err != nil {
				return err
			}
		}
		commands, err := s.Journal.Unfinished(ctx, before, last, batch)
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		s.handAll(ctx, commands)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(commands) < batch {
			return nil
		}
		last = commands[len(commands)-1]
	}
}
