package payment_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// life follows one payment through any sequence of commands and keeps its own books
// about it, from the events alone.
type life struct {
	codec   *es.Codec[payment.Event]
	states  []payment.Payment // one more than there are events
	history []payment.Event
	done    []done // the commands that were carried out

	price    money.Money      // what was asked for
	taken    int64            // 0 until it was debited
	off      bool             // whether it was called off
	answered bool             // whether the gateway has said yes or no
	debited  bool             // whether it said yes
	asked    map[string]int64 // the refunds that were asked for
	given    map[string]bool  // of those, the ones that were given
	refused  map[string]bool  // and those that were refused
	settled  map[string]bool  // and of these the ones that were given by other means
}

// done is a command that was carried out.
type done struct {
	name   string
	decide decision
}

func TestNoSequenceOfCommandsBreaksAPayment(t *testing.T) {
	t.Parallel()
	prices := rapid.SampledFrom([]money.Money{free, euros(1), ten, euros(money.Max), {Amount: 1000, Currency: "USD"}})
	codec := kit().Codec(t)
	rapid.Check(t, func(t *rapid.T) {
		l := &life{
			codec: codec, states: []payment.Payment{{}},
			asked: map[string]int64{}, given: map[string]bool{}, refused: map[string]bool{}, settled: map[string]bool{},
		}
		price := prices.Draw(t, "price")
		// Most lives begin with money, or there would be none to give back for long.
		if rapid.IntRange(0, 9).Draw(t, "unborn") > 0 {
			l.do(t, "debit", debit("o-1", "tok_ok", price))
		}
		if rapid.IntRange(0, 9).Draw(t, "called off") == 0 {
			l.do(t, "call off", callOff("o-1", "tok_ok", price))
		}
		if rapid.IntRange(0, 9).Draw(t, "unanswered") > 0 {
			l.do(t, "confirm debit", confirmDebit())
		}
		t.Repeat(map[string]func(*rapid.T){
			"command": func(t *rapid.T) {
				name, decide := anyCommand(t, price)
				l.do(t, name, decide)
			},
			"repetition": l.repeat,
			"":           l.check,
		})
	})
}

// anyCommand draws a command that concerns a payment of this price, or another one.
func anyCommand(t *rapid.T, price money.Money) (string, decision) {
	name := rapid.SampledFrom([]string{
		"debit", "debit otherwise", "call off", "call off otherwise", "confirm debit", "decline debit",
		"refund", "refund", "refund all", "confirm refund", "refuse refund", "settle refund",
	}).Draw(t, "command")
	id := rapid.SampledFrom([]string{"r-1", "r-2", "r-3", "r-4"}).Draw(t, "refund")
	amount := money.Money{
		Amount:   rapid.OneOf(rapid.Int64Range(-1, 5), rapid.Int64Range(0, price.Amount+1), rapid.Int64()).Draw(t, "amount"),
		Currency: rapid.SampledFrom([]string{price.Currency, price.Currency, price.Currency, "JPY"}).Draw(t, "currency"),
	}
	return fmt.Sprintf("%s %s %v", name, id, amount), map[string]decision{
		"debit": debit("o-1", "tok_ok", price), "debit otherwise": debit("o-1", "tok_ok", amount),
		"call off": callOff("o-1", "tok_ok", price), "call off otherwise": callOff("o-1", "tok_ok", amount),
		"confirm debit": confirmDebit(), "decline debit": declineDebit(),
		"refund": refund(id, amount), "refund all": refund(id, all),
		"confirm refund": confirmRefund(id), "refuse refund": refuseRefund(id),
		"settle refund": settleRefund(id),
	}[name]
}

func (l *life) now() payment.Payment { return l.states[len(l.states)-1] }

func (l *life) do(t *rapid.T, name string, decide decision) {
	events, err := decide(l.now())
	if err != nil {
		if _, ok := errors.AsType[es.Rejection](err); !ok || len(events) > 0 {
			t.Fatalf("%s was refused with %T %v and still decided %v", name, err, err, events)
		}
		return
	}
	for _, e := range events {
		if broken := l.book(e); broken != "" {
			t.Fatalf("%s: %s after %+v", name, broken, l.history)
		}
		l.history = append(l.history, e)
		l.states = append(l.states, l.now().Evolve(e))
	}
	l.done = append(l.done, done{name, decide})
}

// repeat carries a command out that was carried out at any time before: whoever is
// not sure whether it was sends it again.
func (l *life) repeat(t *rapid.T) {
	if len(l.done) == 0 {
		t.Skip("nothing was done")
	}
	again := l.done[rapid.IntRange(0, len(l.done)-1).Draw(t, "again")]
	if events, err := again.decide(l.now()); err != nil || len(events) > 0 {
		t.Fatalf("%s was carried out before and now decides %v, %v", again.name, events, err)
	}
}

// book enters an event and says what is wrong with it.
func (l *life) book(e payment.Event) string {
	begins := e.EventType() == "payment.debit_requested" || e.EventType() == "payment.called_off"
	if begins != (len(l.history) == 0) || l.off {
		return e.EventType() + " at the wrong end of a life"
	}
	switch e := e.(type) {
	case payment.DebitRequested:
		l.price = e.Amount
	case payment.CalledOff:
		l.off = true
	case payment.Debited:
		if l.answered {
			return "debited after the answer"
		}
		l.answered, l.debited, l.taken = true, true, e.Amount.Amount
		return same(e.Amount, l.price)
	case payment.Declined:
		if l.answered {
			return "declined after the answer"
		}
		l.answered = true
	case payment.RefundRequested:
		if _, again := l.asked[e.RefundID]; again || !l.debited {
			return "asked back twice, or what was never taken"
		}
		if e.Amount.Amount < min(l.taken, 1) || e.Amount.Amount > l.left() {
			return fmt.Sprintf("%d asked back, of %d", e.Amount.Amount, l.left())
		}
		l.asked[e.RefundID] = e.Amount.Amount
		return same(e.Amount, money.Money{Amount: e.Amount.Amount, Currency: l.price.Currency})
	case payment.Refunded:
		if l.refused[e.RefundID] {
			return l.settle(e)
		}
		return l.answer(l.given, e.RefundID, e.Amount)
	case payment.RefundRefused:
		return l.answer(l.refused, e.RefundID, e.Amount)
	}
	return ""
}

// answer enters the gateway's answer to a refund.
func (l *life) answer(with map[string]bool, id string, amount money.Money) string {
	due, asked := l.asked[id]
	if !asked || l.given[id] || l.refused[id] {
		return "an answer to no refund, or a second one"
	}
	with[id] = true
	return same(amount, money.Money{Amount: due, Currency: l.price.Currency})
}

// settle enters that money went back by other means, after the gateway would not give it.
func (l *life) settle(e payment.Refunded) string {
	due := l.asked[e.RefundID]
	if l.settled[e.RefundID] || due > l.left() {
		return fmt.Sprintf("%d settled, of %d", due, l.left())
	}
	l.settled[e.RefundID] = true
	return same(e.Amount, money.Money{Amount: due, Currency: l.price.Currency})
}

func same(got, want money.Money) string {
	if got != want {
		return fmt.Sprintf("%v moved, want %v", got, want)
	}
	return ""
}

// left is what was taken, without what was given back and what may still be.
func (l *life) left() int64 {
	left := l.taken
	for id, amount := range l.asked {
		if !l.refused[id] || l.settled[id] {
			left -= amount
		}
	}
	return left
}

// check wants that no more was given back than was taken, that the rest can be asked
// back to the last cent and no further, and that every state is the fold of its
// history as it is stored, the old states included.
func (l *life) check(t *rapid.T) {
	var back int64
	for _, gone := range []map[string]bool{l.given, l.settled} {
		for id := range gone {
			back += l.asked[id]
		}
	}
	if back > l.taken {
		t.Fatalf("%d of %d were given back: %+v", back, l.taken, l.history)
	}
	if l.debited {
		l.checkLeft(t)
	}
	var state payment.Payment
	for i, e := range l.history {
		if !reflect.DeepEqual(state, l.states[i]) {
			t.Fatalf("the state after %d of %+v has become %+v, want %+v", i, l.history, l.states[i], state)
		}
		name, schema, data, err := l.codec.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if e, err = l.codec.Decode(name, schema, data); err != nil {
			t.Fatal(err)
		}
		state = state.Evolve(e)
	}
	if !reflect.DeepEqual(state, l.now()) {
		t.Fatalf("folding %+v from scratch gives %+v, want %+v", l.history, state, l.now())
	}
}

// checkLeft asks for all that is left, and for a cent more.
func (l *life) checkLeft(t *rapid.T) {
	left := money.Money{Amount: l.left(), Currency: l.price.Currency}
	rest, err := l.now().Refund("r-rest", all, "no oven", later)
	standing := len(l.asked)+len(l.settled) > len(l.refused)
	switch {
	case left.Amount == 0 && standing:
		if !errors.Is(err, payment.ErrNothingLeft) {
			t.Fatalf("asked for the rest after %+v the payment says %v, %v, want nothing_left", l.history, rest, err)
		}
		return
	case err != nil || len(rest) != 1 || rest[0].(payment.RefundRequested).Amount != left:
		t.Fatalf("the rest after %+v is %+v, %v, want %v", l.history, rest, err, left)
	}
	left.Amount++
	if events, err := l.now().Refund("r-rest", left, "no oven", later); !errors.Is(err, payment.ErrTooMuch) && left.Amount <= money.Max {
		t.Fatalf("a cent more than is left leads to %+v, %v, want refund_too_large", events, err)
	}
}

// Two decisions on one state, as when a conflict makes the executor decide again, lead
// to two states that know nothing of each other.
func TestEvolveLeavesTheStateBeforeAsItWas(t *testing.T) {
	t.Parallel()
	history := happened(requested, debited, asked("r-1", four), asked("r-0", euros(100)), refused("r-0", euros(100)))
	before, kept := es.Fold(payment.Payment{}, history...), es.Fold(payment.Payment{}, history...)
	for _, e := range []payment.Event{asked("r-2", six), givenBack("r-1", four), refused("r-1", four), settled("r-0", euros(100))} {
		if after := before.Evolve(e); reflect.DeepEqual(after, before) {
			t.Errorf("%T changed nothing", e)
		}
		if !reflect.DeepEqual(before, kept) {
			t.Fatalf("%T changed the state before it to %+v, want %+v", e, before, kept)
		}
	}
}
