package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// Till is what the cashier works with.
type Till struct {
	Gateway Gateway
	Now     func() time.Time

	// Backoff is the pause after the gateway has given no answer to a job. It doubles
	// with every further one, up to MaxBackoff.
	Backoff, MaxBackoff time.Duration
}

// manyAttempts is how often in a row the gateway may give no answer to a job before
// that is trouble.
const manyAttempts = 5

// NewCashier returns the process that asks the gateway for what payments request, and
// tells them the answer.
//
// It asks what the gateway knows of a key before it asks for anything under it, since
// the process may have died after it asked and before it could say so.
func NewCashier(till Till) es.Process[Cashier] {
	return es.Process[Cashier]{
		Name: CashierName,
		Events: types(payment.DebitRequested{}, payment.Debited{}, payment.Declined{},
			payment.RefundRequested{}, payment.Refunded{}, payment.RefundRefused{}),
		New:      func(id string) Cashier { return Cashier{Payment: payment.ID(id)} },
		Subject:  func(s es.Stream, _ es.Event) string { return s.ID() },
		React:    till.react,
		Timers:   Cashier.timers,
		Standing: Cashier.standing,
	}
}

func (c Cashier) timers() (timers []es.Timer) {
	for _, j := range c.Open {
		if !j.NextAt.IsZero() {
			timers = append(timers, es.Timer{Name: j.timer(), At: j.NextAt})
		}
	}
	return timers
}

func (c Cashier) standing() es.Standing {
	if len(c.Open) == 0 {
		return es.Standing{Done: true}
	}
	var trouble []string
	for _, j := range c.Open {
		if j.Attempts >= manyAttempts {
			trouble = append(trouble, fmt.Sprintf("the gateway has given no answer to %s %d times: %s", j.what(), j.Attempts, j.Failure))
		}
	}
	return es.Standing{Waits: "the gateway", Trouble: strings.Join(trouble, "; ")}
}

// react asks the gateway for what is due. What gets no answer waits for its own next
// try, and what the others were told is kept.
func (t Till) react(ctx context.Context, c Cashier, _ es.Event) (r es.Reaction, err error) {
	for _, j := range c.Open {
		if !c.isDue(j) {
			continue
		}
		answer, err := t.ask(ctx, c, j)
		if ctx.Err() != nil {
			return es.Reaction{}, fmt.Errorf("ask the gateway for %s: %w", j.Key, ctx.Err())
		}
		if err != nil {
			pause := min(t.Backoff<<min(j.Attempts, 20), t.MaxBackoff)
			r.Learned = append(r.Learned, gatewayFailed{key: j.Key, failure: err.Error(), next: t.Now().Add(pause)})
			continue
		}
		r.Send = append(r.Send, answer)
		r.Learned = append(r.Learned, gatewayAnswered{j.Key})
	}
	return r, nil
}

// ask brings a job to its end at the gateway, and returns the command that tells the
// payment of it. After an error it is not known what the gateway did.
func (t Till) ask(ctx context.Context, c Cashier, j Job) (es.Command, error) {
	reference, err := t.find(ctx, j)
	if errors.Is(err, ErrNeverAsked) {
		reference, err = t.request(ctx, c, j)
		if err != nil && !isDeclined(err) && ctx.Err() == nil {
			// The answer got lost, perhaps not the request.
			if found, lookup := t.find(ctx, j); lookup == nil || isDeclined(lookup) {
				reference, err = found, lookup
			}
		}
	}
	no, declined := errors.AsType[Declined](err)
	switch {
	case declined && j.Refund:
		return command.RefuseRefund{Payment: c.Payment, Refund: j.Key, Reason: no.Reason}, nil
	case declined:
		return command.DeclineDebit{Payment: c.Payment, Reason: no.Reason}, nil
	case err != nil:
		return nil, err
	case j.Refund:
		return command.ConfirmRefund{Payment: c.Payment, Refund: j.Key, Reference: reference}, nil
	}
	return command.ConfirmDebit{Payment: c.Payment, Reference: reference}, nil
}

func isDeclined(err error) bool {
	_, declined := errors.AsType[Declined](err)
	return declined
}

func (t Till) find(ctx context.Context, j Job) (reference string, err error) {
	if j.Refund {
		return t.Gateway.FindRefund(ctx, j.Key)
	}
	return t.Gateway.FindCharge(ctx, j.Key)
}

func (t Till) request(ctx context.Context, c Cashier, j Job) (reference string, err error) {
	if j.Refund {
		return t.Gateway.Refund(ctx, Refund{Key: j.Key, Charge: string(c.Payment), Amount: j.Amount, Reason: j.Reason})
	}
	return t.Gateway.Charge(ctx, Charge{Key: j.Key, Order: c.Order, Method: j.Method, Amount: j.Amount})
}
