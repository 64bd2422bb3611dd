package crashtest

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// charge is what the gateway was asked to take, and whether it has.
type charge struct {
	order, method string
	gatewayAnswer
}

// refund is what the gateway was asked to give back, and whether it has.
type refund struct {
	charge string
	gatewayAnswer
}

// gatewayAnswer is what the gateway has written down of a charge or a refund.
type gatewayAnswer struct {
	amount                  money.Money
	status, code, reference string
}

func (b *book) readCharges(tx *sql.Tx) error {
	return each(tx, func(scan func(...any) error) error {
		var key string
		var c charge
		err := scan(&key, &c.order, &c.method, &c.amount.Amount, &c.amount.Currency, &c.status, &c.code, &c.reference)
		b.charges[key] = c
		return err
	}, "SELECT key, order_id, method, amount, currency, status, code, reference FROM charges")
}

// readRefunds reads refunds, once the charges are there that they are of.
func (b *book) readRefunds(tx *sql.Tx) error {
	return each(tx, func(scan func(...any) error) error {
		var key string
		var r refund
		err := scan(&key, &r.charge, &r.amount.Amount, &r.amount.Currency, &r.status, &r.code, &r.reference)
		b.refunds[key] = r
		if r.status == "refunded" {
			b.given[b.charges[r.charge].order] += r.amount.Amount
		}
		return err
	}, "SELECT key, charge_key, amount, currency, status, code, reference FROM refunds")
}

// hindsight is a gateway that gives the answers it has given, at the steps of a cashier
// at which it gave any.
type hindsight struct {
	book *book
	step es.ProcessStep
}

var errNoAnswer = errors.New("the gateway gave no answer")

func (h *hindsight) begin(s es.ProcessStep) { h.step = s }

func (h *hindsight) till() process.Till {
	return process.Till{Gateway: h, Now: func() time.Time { return h.step.At }}
}

func (h *hindsight) say(a gatewayAnswer) (reference string, err error) {
	switch {
	case len(h.step.Sent) == 0 || a.status == "":
		return "", errNoAnswer
	case a.code != "":
		return "", process.Declined{Reason: a.code}
	}
	return a.reference, nil
}

// FindCharge implements process.Gateway.
func (h *hindsight) FindCharge(_ context.Context, key string) (string, error) {
	return h.say(h.book.charges[key].gatewayAnswer)
}

// FindRefund implements process.Gateway.
func (h *hindsight) FindRefund(_ context.Context, key string) (string, error) {
	return h.say(h.book.refunds[key].gatewayAnswer)
}

// Charge implements process.Gateway. Who finds all answers asks for nothing.
func (h *hindsight) Charge(context.Context, process.Charge) (string, error) { return "", errNoAnswer }

// Refund implements process.Gateway.
func (h *hindsight) Refund(context.Context, process.Refund) (string, error) { return "", errNoAnswer }

// withoutFailures leaves out what nobody can tell afterwards: why the gateway gave no
// answer to a job, and until when the cashier waits for that.
func withoutFailures(c process.Cashier) process.Cashier {
	c.Open = slices.Clone(c.Open)
	for i := range c.Open {
		c.Open[i].Failure, c.Open[i].NextAt = "", time.Time{}
	}
	return c
}

// checkMoney holds what payments say against what the gateway has written down.
func (b *book) checkMoney(f *findings) {
	for stream := range b.streamsOf(payment.Category) {
		p, id := b.payment(stream.ID()), stream.ID()
		b.checkCharge(f, id)
		if asked := b.requested(string(p.OrderID)); asked[id] != p.Amount {
			f.add("payment %s takes %v for order %s, which has asked for %v", id, p.Amount, p.OrderID, asked)
		}
	}
	for key, c := range b.charges {
		if p := b.payment(key); string(p.OrderID) != c.order || p.Method != c.method || p.Amount != c.amount {
			f.add("the gateway has the charge %s: %+v, and the payment is %+v", key, c, p)
		}
	}
	for key, r := range b.refunds {
		if !b.hasAskedBack(key, r) {
			f.add("the gateway has the refund %s: %+v, and the payment is %+v", key, r, b.payment(r.charge))
		}
	}
	for stream := range b.streamsOf("order") {
		b.checkOnce(f, stream)
		taken, kept := b.money(stream.ID())
		if total := b.order(stream.ID()).Total.Amount; kept != 0 && kept != total {
			f.add("%s over %d has cost its customer %d, of %d that were taken", stream, total, kept, taken)
		}
	}
}

// requested are the amounts that an order has asked for, by payment.
func (b *book) requested(id string) map[string]money.Money {
	asked := map[string]money.Money{}
	for _, e := range b.events[es.StreamOf("order", id)] {
		if e, ok := e.(order.PaymentRequested); ok {
			asked[e.PaymentID] = e.Amount
		}
	}
	return asked
}

// checkCharge looks for answers of the gateway that a payment has got wrong.
func (b *book) checkCharge(f *findings, id string) {
	for _, e := range b.events[es.StreamOf(payment.Category, id)] {
		var got, want gatewayAnswer
		switch e := e.(type) {
		case payment.Debited:
			got, want = b.charges[id].gatewayAnswer, gatewayAnswer{amount: e.Amount, status: "charged", reference: e.Reference}
		case payment.Declined:
			got, want = b.charges[id].gatewayAnswer, gatewayAnswer{status: "declined", code: e.Reason}
			got.amount, got.reference = money.Money{}, ""
		case payment.CalledOff:
			got = b.charges[id].gatewayAnswer // which has to be none
		case payment.Refunded:
			got, want = b.refunds[e.RefundID].gatewayAnswer, gatewayAnswer{amount: e.Amount, status: "refunded", reference: e.Reference}
		case payment.RefundRefused:
			got, want = b.refunds[e.RefundID].gatewayAnswer, gatewayAnswer{amount: e.Amount, status: "refused", code: e.Reason}
			got.reference = ""
		}
		if got != want {
			f.add("payment %s has %s with %+v, and the gateway has %+v", id, e.EventType(), want, got)
		}
	}
}

// wasCalledOff tells whether a payment was called off before anybody asked for it.
func (b *book) wasCalledOff(id string) bool {
	return slices.ContainsFunc(b.events[es.StreamOf(payment.Category, id)], func(e es.Event) bool {
		_, off := e.(payment.CalledOff)
		return off
	})
}

// hasAskedBack tells whether a payment has asked for a refund.
func (b *book) hasAskedBack(key string, r refund) bool {
	for _, e := range b.events[es.StreamOf(payment.Category, r.charge)] {
		if e, ok := e.(payment.RefundRequested); ok && e.RefundID == key && e.Amount == r.amount {
			return true
		}
	}
	return false
}

// money is what the gateway has taken for an order, and what it has kept of that.
func (b *book) money(order string) (taken, kept int64) {
	for id := range b.requested(order) {
		if c := b.charges[id]; c.status == "charged" {
			taken += c.amount.Amount
		}
	}
	return taken, taken - b.given[order]
}

// checkOnce looks for what has happened to an order more often than once, or for no
// reason.
func (b *book) checkOnce(f *findings, stream es.Stream) {
	count, asked := map[string]int{}, map[string]int{}
	for _, e := range b.events[stream] {
		count[e.EventType()]++
		switch e := e.(type) {
		case order.PaymentRequested:
			if asked[e.PaymentID] != 0 {
				f.add("%s asks for payment %s twice", stream, e.PaymentID)
			}
			asked[e.PaymentID] = 1
		case order.Paid:
			asked[e.PaymentID]--
		case order.PaymentFailed:
			asked[e.PaymentID]--
		}
	}
	for payment, open := range asked {
		if open < 0 {
			f.add("%s has payment %s answered more often than asked for", stream, payment)
		}
	}
	for _, once := range []order.Event{
		order.Created{}, order.Submitted{}, order.Paid{}, order.Approved{}, order.Rejected{}, order.Canceled{}, order.Refunded{},
	} {
		if n := count[once.EventType()]; n > 1 {
			f.add("%s has %d times %s", stream, n, once.EventType())
		}
	}
}
