package process

import (
	"slices"
	"time"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// Cashier is what is to be asked of the gateway for one payment.
type Cashier struct {
	Payment payment.ID `json:"payment_id"`
	Order   string     `json:"order_id"`
	Open    []Job      `json:"open,omitempty"` // what the payment has no answer to, oldest first
}

// Job is one thing to be asked of the gateway. Its key is what the gateway knows it by.
// Jobs fail and are tried again each by itself: one that gets no answer holds up no other.
type Job struct {
	Key      string      `json:"key"`
	Refund   bool        `json:"refund,omitempty"` // it is a charge otherwise
	Method   string      `json:"payment_method,omitempty"`
	Amount   money.Money `json:"amount"`
	Reason   string      `json:"reason,omitempty"`
	Answered bool        `json:"answered,omitempty"` // the gateway has answered, and the payment is being told
	Attempts int         `json:"attempts,omitempty"` // how often the gateway gave no answer in a row
	Failure  string      `json:"failure,omitempty"`  // of the last attempt
	NextAt   time.Time   `json:"next_at,omitzero"`   // when to ask again; zero unless it waits for that
}

// what is the job for people.
func (j Job) what() string {
	if j.Refund {
		return "refund " + j.Key
	}
	return "charge " + j.Key
}

// timer is when the gateway is asked for the job again.
func (j Job) timer() string { return "gateway " + j.what() }

// gatewayAnswered says that the gateway has answered a job.
type gatewayAnswered struct{ key string }

// EventType implements es.Event.
func (gatewayAnswered) EventType() string { return "cashier.gateway_answered" }

// gatewayFailed says that the gateway gave no answer to a job, and when it is asked
// again.
type gatewayFailed struct {
	key, failure string
	next         time.Time
}

// EventType implements es.Event.
func (gatewayFailed) EventType() string { return "cashier.gateway_failed" }

// Evolve returns the process after an event.
func (c Cashier) Evolve(e es.Event) Cashier {
	switch e := e.(type) {
	case payment.DebitRequested:
		c.Order = e.OrderID
		return c.with(Job{Key: string(e.PaymentID), Method: e.Method, Amount: e.Amount})
	case payment.RefundRequested:
		return c.with(Job{Key: e.RefundID, Refund: true, Amount: e.Amount, Reason: e.Reason})
	case payment.Debited, payment.Declined:
		return c.without(string(c.Payment))
	case payment.Refunded:
		return c.without(e.RefundID)
	case payment.RefundRefused:
		return c.without(e.RefundID)
	case gatewayAnswered:
		return c.everyJob(func(j *Job) {
			if j.Key == e.key {
				j.Answered, j.Attempts, j.Failure = true, 0, ""
			}
		})
	case gatewayFailed:
		return c.everyJob(func(j *Job) {
			if j.Key == e.key {
				j.Attempts, j.Failure, j.NextAt = j.Attempts+1, e.failure, e.next
			}
		})
	case es.Elapsed:
		return c.everyJob(func(j *Job) {
			if j.timer() == e.Timer {
				j.NextAt = time.Time{}
			}
		})
	case es.Retried:
		// The payment may not have heard the answer, so it is looked up and told anew.
		return c.everyJob(func(j *Job) { j.Answered, j.NextAt = false, time.Time{} })
	}
	return c
}

func (c Cashier) with(j Job) Cashier {
	c.Open = append(slices.Clip(c.Open), j)
	return c
}

func (c Cashier) without(key string) Cashier {
	c.Open = slices.DeleteFunc(slices.Clone(c.Open), func(j Job) bool { return j.Key == key })
	return c
}

// everyJob changes what is open, in a copy of the process: a state is a value.
func (c Cashier) everyJob(change func(*Job)) Cashier {
	c.Open = slices.Clone(c.Open)
	for i := range c.Open {
		change(&c.Open[i])
	}
	return c
}

// charging tells whether it is not known yet what became of the charge.
func (c Cashier) charging() bool {
	return slices.ContainsFunc(c.Open, func(j Job) bool { return !j.Refund })
}

// isDue tells whether the gateway is to be asked for a job now.
func (c Cashier) isDue(j Job) bool {
	return !j.Answered && j.NextAt.IsZero() && (!j.Refund || !c.charging())
}
