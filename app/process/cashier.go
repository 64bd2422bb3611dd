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
	Payment  payment.ID `json:"payment_id"`
	Order    string     `json:"order_id"`
	Open     []Job      `json:"open,omitempty"`     // what the payment has no answer to, oldest first
	Attempts int        `json:"attempts,omitempty"` // how often the gateway gave no answer in a row
	Failure  string     `json:"failure,omitempty"`  // of the last attempt
	NextAt   time.Time  `json:"next_at,omitzero"`   // when to ask again
}

// Job is one thing to be asked of the gateway. Its key is what the gateway knows it by.
type Job struct {
	Key      string      `json:"key"`
	Refund   bool        `json:"refund,omitempty"` // it is a charge otherwise
	Method   string      `json:"payment_method,omitempty"`
	Amount   money.Money `json:"amount"`
	Reason   string      `json:"reason,omitempty"`
	Answered bool        `json:"answered,omitempty"` // the gateway has answered, and the payment is being told
}

// gatewayTimer is when the gateway is asked again.
const gatewayTimer = "gateway"

// gatewayAnswered says that the gateway has answered a job.
type gatewayAnswered struct{ key string }

// EventType implements es.Event.
func (gatewayAnswered) EventType() string { return "cashier.gateway_answered" }

// gatewayFailed says that the gateway gave no answer, and when it is asked again.
type gatewayFailed struct {
	failure string
	next    time.Time
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
		c.Attempts, c.Failure = 0, ""
		c.Open = slices.Clone(c.Open)
		for i := range c.Open {
			c.Open[i].Answered = c.Open[i].Answered || c.Open[i].Key == e.key
		}
	case gatewayFailed:
		c.Attempts, c.Failure, c.NextAt = c.Attempts+1, e.failure, e.next
	case es.Elapsed, es.Retried:
		c.NextAt = time.Time{}
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
