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
	o, _, err := r.Sender.Send(ctx, c)
	if err != nil || o.Status != StatusPending || wait <= 0 {
		return o, err
	}
	return r.await(ctx, o, news, wait)
}

func (r *Requester) await(ctx context.Context, pending Outcome, news <-chan Outcome, wait time.Duration) (Outcome, error) {
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
		case <-enough.C:
			return pending, nil
		case <-r.Done:
			return pending, nil
		case <-ctx.Done():
			return pending, ctx.Err()
		}
	}
}
