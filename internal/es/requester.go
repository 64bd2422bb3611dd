package es

import (
	"context"
	"time"
)

// Requester sends commands and waits for what becomes of them.
type Requester struct {
	Sender   *Sender
	Outcomes *Notices[Outcome] // posted by whoever carries out commands in this process
	Poll     time.Duration     // how often to look when nobody tells; outcomes may come from elsewhere
	Done     <-chan struct{}   // ends all waiting, so that the service can shut down
}

// Request accepts a command and waits for its outcome, at most as long as asked.
// The outcome is pending when that was too short. A command that was accepted
// before under the same id is not sent again: its own outcome is the answer.
func (r *Requester) Request(ctx context.Context, c Envelope, wait time.Duration) (Outcome, error) {
	news, stop := r.Outcomes.Watch(c.ID)
	defer stop()
	o, known, err := r.Sender.Accept(ctx, c)
	if err != nil {
		return o, err
	}
	if !known {
		r.hand(ctx, c, wait)
	}
	if o.Status != StatusPending || wait <= 0 {
		return o, nil
	}
	return r.await(ctx, o, news, wait)
}

// handPatience is how long somebody who does not want to wait for an outcome
// waits for the broker to take the command.
const handPatience = 100 * time.Millisecond

// hand publishes a command. A broker that hangs does not hold up the answer: the
// command has been accepted.
func (r *Requester) hand(ctx context.Context, c Envelope, wait time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Sender.Hand(ctx, []Envelope{c})
	}()
	if wait > 0 {
		return
	}
	select {
	case <-done:
	case <-time.After(handPatience):
	}
}

func (r *Requester) await(ctx context.Context, pending Outcome, news <-chan Outcome, wait time.Duration) (Outcome, error) {
	until := time.Now().Add(wait)
	enough := time.NewTimer(wait)
	defer enough.Stop()
	look := time.NewTicker(r.Poll)
	defer look.Stop()
	for {
		select {
		case o := <-news:
			return o, nil
		case <-look.C:
			// A look that fails tells nothing: the command has been accepted.
			if o, err := r.Sender.Journal.Outcome(ctx, pending.CommandID); err == nil && o.Status != StatusPending {
				return o, nil
			}
			if !time.Now().Before(until) { // it took long, and the next one may be due as well
				return pending, nil
			}
		case <-enough.C:
			return pending, nil
		case <-r.Done:
			return pending, nil
		case <-ctx.Done():
			return pending, ctx.Err()
		}
	}
}
