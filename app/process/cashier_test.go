package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

var (
	debitRequested  = payment.DebitRequested{PaymentID: "pay-1", OrderID: "7", Method: "tok_ok", Amount: ten, At: noon}
	refundRequested = payment.RefundRequested{PaymentID: "pay-1", OrderID: "7", RefundID: "re-1", Amount: one, Reason: "cold", At: at(3)}
	another         = payment.RefundRequested{PaymentID: "pay-1", OrderID: "7", RefundID: "re-2", Amount: nine, Reason: "late", At: at(4)}
	partBack        = payment.Refunded{PaymentID: "pay-1", OrderID: "7", RefundID: "re-1", Amount: one, Reference: "r", At: at(4)}
	notBack         = payment.RefundRefused{PaymentID: "pay-1", OrderID: "7", RefundID: "re-1", Amount: one, Reason: "closed", At: at(4)}
	restBack        = payment.Refunded{PaymentID: "pay-1", OrderID: "7", RefundID: "re-2", Amount: nine, Reference: "r", At: at(5)}

	debitDone       = command.ConfirmDebit{Payment: "pay-1", Reference: "gw-pay-1"}
	refundDone      = command.ConfirmRefund{Payment: "pay-1", Refund: "re-1", Reference: "gw-re-1"}
	anotherDone     = command.ConfirmRefund{Payment: "pay-1", Refund: "re-2", Reference: "gw-re-2"}
	debitNo         = command.DeclineDebit{Payment: "pay-1", Reason: "card_declined"}
	refundNo        = command.RefuseRefund{Payment: "pay-1", Refund: "re-1", Reason: "card_declined"}
	askedCharge     = []string{"find charge pay-1", "charge pay-1 for 7 by tok_ok: 1000 EUR"}
	askedRefund     = []string{"find refund re-1", "refund re-1 of pay-1: 100 EUR (cold)"}
	askedAnother    = []string{"find refund re-2", "refund re-2 of pay-1: 900 EUR (late)"}
	errCardDeclined = fmt.Errorf("no: %w", process.Declined{Reason: "card_declined"})
)

// vault is a gateway that does what it is told and writes down what it is asked for.
type vault struct {
	answer error  // to every request
	lost   error  // the answer gets lost, and this is seen instead
	blind  error  // the answer to every look
	strike string // the key to which it answers nothing of use, whatever it is asked
	done   map[string]error
	asked  []string
}

func (v *vault) Charge(_ context.Context, c process.Charge) (string, error) {
	return v.request(c.Key, fmt.Sprintf("charge %s for %s by %s: %d %s", c.Key, c.Order, c.Method, c.Amount.Amount, c.Amount.Currency))
}

func (v *vault) Refund(_ context.Context, r process.Refund) (string, error) {
	return v.request(r.Key, fmt.Sprintf("refund %s of %s: %d %s (%s)", r.Key, r.Charge, r.Amount.Amount, r.Amount.Currency, r.Reason))
}

func (v *vault) request(key, what string) (string, error) {
	v.asked = append(v.asked, what)
	if v.strike == key {
		return "", errBroken
	}
	if v.answer == nil || errors.As(v.answer, new(process.Declined)) {
		if v.done == nil {
			v.done = map[string]error{}
		}
		v.done[key] = v.answer
	}
	if v.lost != nil {
		return "", v.lost
	}
	return "gw-" + key, v.answer
}

func (v *vault) FindCharge(_ context.Context, key string) (string, error) {
	return v.find("charge", key)
}
func (v *vault) FindRefund(_ context.Context, key string) (string, error) {
	return v.find("refund", key)
}

func (v *vault) find(what, key string) (string, error) {
	v.asked = append(v.asked, "find "+what+" "+key)
	if v.blind != nil {
		return "", v.blind
	}
	answer, known := v.done[key]
	if !known {
		return "", process.ErrNeverAsked
	}
	return "gw-" + key, answer
}

func cashier(t *testing.T, v *vault, history ...es.Event) estest.ProcessScenario[process.Cashier] {
	t.Helper()
	return estest.GivenProcess(t, process.NewCashier(process.Till{
		Gateway: v, Now: func() time.Time { return noon }, Backoff: time.Second, MaxBackoff: 4 * time.Second,
	}), "pay-1", history...)
}

func (v *vault) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(v.asked, want) {
		t.Errorf("the gateway was asked\n\t%q, want\n\t%q", v.asked, want)
	}
}

func TestCashierAsksTheGateway(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		vault vault
		given []es.Event
		when  es.Event
		asked []string
		then  []es.Command
	}{
		"for money, which comes":         {vault{}, nil, debitRequested, askedCharge, say(debitDone)},
		"for money, which is refused":    {vault{answer: errCardDeclined}, nil, debitRequested, askedCharge, say(debitNo)},
		"to give money back":             {vault{}, story(debited), refundRequested, askedRefund, say(refundDone)},
		"to give it back, in vain":       {vault{answer: errCardDeclined}, story(debited), refundRequested, askedRefund, say(refundNo)},
		"for nothing more":               {vault{}, nil, debited, nil, nil},
		"for nothing once it is settled": {vault{}, story(debited, refundRequested, notBack), partBack, askedRefund, nil},
		"what it knows, after a crash": {vault{done: map[string]error{"pay-1": nil}}, nil, debitRequested,
			[]string{"find charge pay-1"}, say(debitDone)},
		"what it has refused, after a crash": {vault{done: map[string]error{"pay-1": errCardDeclined}}, nil, debitRequested,
			[]string{"find charge pay-1"}, say(debitNo)},
		"what it has given back, after a crash": {vault{done: map[string]error{"re-1": nil}}, nil, refundRequested,
			[]string{"find refund re-1"}, say(refundDone)},
		"what has become of it, when the answer gets lost": {vault{lost: errBroken}, nil, debitRequested,
			append(askedCharge, "find charge pay-1"), say(debitDone)},
		"what has become of it, when a no gets lost": {vault{answer: errCardDeclined, lost: errBroken}, nil, debitRequested,
			append(askedCharge, "find charge pay-1"), say(debitNo)},
		"and finds that it never heard of it": {vault{answer: errBroken}, nil, debitRequested,
			append(askedCharge, "find charge pay-1"), nil},
		"for nothing as long as it does not know what was done": {vault{blind: errBroken}, nil, debitRequested,
			[]string{"find charge pay-1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := test.vault
			cashier(t, &v, test.given...).When(test.when).Then(test.then...)
			v.wantAsked(t, test.asked...)
		})
	}
}

// The timers of the jobs of this payment.
func chargeTimer(at time.Time) es.Timer  { return es.Timer{Name: "gateway charge pay-1", At: at} }
func refundTimer(at time.Time) es.Timer  { return es.Timer{Name: "gateway refund re-1", At: at} }
func anotherTimer(at time.Time) es.Timer { return es.Timer{Name: "gateway refund re-2", At: at} }

// rings is what the cashier sees when the time of a timer has come.
func rings(t es.Timer) es.Elapsed { return es.Elapsed{Timer: t.Name, At: t.At} }

func TestCashierAsksAgainAfterGrowingPauses(t *testing.T) {
	t.Parallel()
	v := &vault{answer: errBroken}
	o := cashier(t, v).When(debitRequested)
	for n, pause := range []time.Duration{1, 2, 4, 4, 4, 4} {
		timer := chargeTimer(noon.Add(pause * time.Second))
		standing := es.Standing{Waits: "the gateway"}
		if n >= 4 {
			standing.Trouble = fmt.Sprintf("the gateway has given no answer to charge pay-1 %d times: broken", n+1)
		}
		o.Then().ThenWaitsFor(timer).ThenStands(standing)
		o = o.When(rings(timer))
	}
	v.answer = nil
	o.When(rings(chargeTimer(at(1)))).Then(debitDone).ThenWaitsFor().
		ThenStands(es.Standing{Waits: "the gateway"}).
		When(debited).Then().ThenStands(es.Standing{Done: true})
}

func TestCashierDoesNotAskBeforeThePauseIsOver(t *testing.T) {
	t.Parallel()
	v := &vault{answer: errBroken}
	o := cashier(t, v, debitRequested, debited).When(refundRequested)
	before := len(v.asked)
	o.When(debited).Then().When(rings(anotherTimer(at(1)))).Then().ThenWaitsFor(refundTimer(noon.Add(time.Second)))
	if len(v.asked) != before {
		t.Errorf("asked %q in the pause", v.asked[before:])
	}
}

func TestRefundWithoutAnAnswerHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	waits, done := es.Standing{Waits: "the gateway"}, es.Standing{Done: true}
	first := refundTimer(noon.Add(time.Second))
	t.Run("that is asked for later", func(t *testing.T) {
		t.Parallel()
		v := &vault{strike: "re-1"}
		o := cashier(t, v, debitRequested, debited, refundRequested)
		v.asked = nil
		told := o.When(another).Then(anotherDone).ThenWaitsFor(first).
			When(restBack).Then().ThenWaitsFor(first).ThenStands(waits)
		v.wantAsked(t, askedAnother...)
		v.strike = ""
		told.When(rings(first)).Then(refundDone).ThenWaitsFor().When(partBack).Then().ThenStands(done)
	})
	t.Run("that is asked for at the same time", func(t *testing.T) {
		t.Parallel()
		v := &vault{strike: "re-1"}
		cashier(t, v, debitRequested, refundRequested, another).When(debited).Then(anotherDone).ThenWaitsFor(first).
			When(rings(first)).Then().ThenWaitsFor(refundTimer(noon.Add(2 * time.Second)))
	})
	t.Run("that was asked for earlier", func(t *testing.T) {
		t.Parallel()
		v := &vault{strike: "re-2"}
		cashier(t, v, debitRequested, another).When(debited).Then().
			When(refundRequested).Then(refundDone).ThenWaitsFor(anotherTimer(noon.Add(time.Second)))
	})
	t.Run("and each has pauses of its own", func(t *testing.T) {
		t.Parallel()
		v := &vault{answer: errBroken}
		o := cashier(t, v, debitRequested, debited, refundRequested).When(rings(first))
		second := refundTimer(noon.Add(2 * time.Second))
		o = o.When(another).ThenWaitsFor(second, anotherTimer(noon.Add(time.Second)))
		o.When(rings(second)).ThenWaitsFor(refundTimer(noon.Add(4*time.Second)), anotherTimer(noon.Add(time.Second)))
	})
	t.Run("and alone is in trouble", func(t *testing.T) {
		t.Parallel()
		v := &vault{strike: "re-1"}
		o := cashier(t, v, debitRequested, debited).When(refundRequested)
		for range 3 {
			o = o.When(rings(first)).Then().ThenStands(waits)
		}
		trouble := waits
		trouble.Trouble = "the gateway has given no answer to refund re-1 5 times: broken"
		o = o.When(another).Then(anotherDone).When(rings(first)).Then().ThenStands(trouble).When(restBack).ThenStands(trouble)
		v.strike = ""
		o.When(rings(first)).Then(refundDone).ThenStands(waits)
	})
	t.Run("and all that fail are named", func(t *testing.T) {
		t.Parallel()
		o := cashier(t, &vault{answer: errBroken}, debitRequested, debited, refundRequested).When(another)
		for range 4 {
			o = o.When(rings(first)).When(rings(anotherTimer(noon)))
		}
		o.When(rings(first)).ThenStands(es.Standing{Waits: "the gateway", Trouble: "the gateway has given no answer to refund re-1 6 times: broken; " +
			"the gateway has given no answer to refund re-2 5 times: broken"})
	})
}

// The gateway refuses for good to give back what it has not taken yet.
func TestCashierAsksForNoRefundBeforeItKnowsOfTheDebit(t *testing.T) {
	t.Parallel()
	v := &vault{answer: errBroken}
	o := cashier(t, v, debitRequested).When(refundRequested).Then().When(es.Retried{At: at(1)}).Then()
	v.answer, v.asked = nil, nil
	o = o.When(rings(chargeTimer(at(1)))).Then(debitDone).When(another).Then().
		ThenWaitsFor().ThenStands(es.Standing{Waits: "the gateway"})
	v.wantAsked(t, askedCharge...)
	v.asked = nil
	o.When(debited).Then(refundDone, anotherDone)
	v.wantAsked(t, append(askedRefund[:2:2], askedAnother...)...)
}

func TestCashierIsDoneWhenThePaymentKnows(t *testing.T) {
	t.Parallel()
	for _, known := range []es.Event{debited, declined} {
		cashier(t, &vault{}, debitRequested).When(known).Then().ThenStands(es.Standing{Done: true})
	}
	for _, known := range []es.Event{partBack, notBack} {
		cashier(t, &vault{}, debitRequested, debited, refundRequested).When(known).Then().ThenStands(es.Standing{Done: true})
	}
}

// What was called off was never asked for, so that there is nothing to ask the gateway.
func TestCashierHasNoPartInWhatWasCalledOff(t *testing.T) {
	t.Parallel()
	v := &vault{}
	cashier(t, v).When(gone).Then().ThenWaitsFor().ThenStands(es.Standing{Done: true}).
		When(es.Retried{At: at(60)}).Then()
	v.wantAsked(t)
	if slices.Contains(process.NewCashier(process.Till{}).Events, gone.EventType()) {
		t.Errorf("%s wakes the cashier for no reason", gone.EventType())
	}
}

// An operator who retries has the payment told once more, though the gateway has
// answered, and a pause is over at once.
func TestCashierRetries(t *testing.T) {
	t.Parallel()
	retried := es.Retried{At: at(60)}
	v := &vault{}
	cashier(t, v, debitRequested).When(retried).Then(debitDone)
	v.wantAsked(t, append(askedCharge, "find charge pay-1")...)
	broken := &vault{answer: errBroken}
	o := cashier(t, broken).When(debitRequested)
	broken.answer = nil
	o.When(retried).Then(debitDone)
	cashier(t, v, debitRequested, debited).When(retried).Then()
}

// Somebody who retries ends every pause; what fails again waits for its own.
func TestCashierRetriesEveryJob(t *testing.T) {
	t.Parallel()
	retried := es.Retried{At: at(60)}
	v := &vault{answer: errBroken}
	o := cashier(t, v, debitRequested, debited, refundRequested).When(another)
	v.answer, v.strike = nil, "re-1"
	o = o.When(retried).Then(anotherDone).ThenWaitsFor(refundTimer(noon.Add(2 * time.Second)))
	v.blind = errBroken
	o = o.When(retried).Then().ThenWaitsFor(refundTimer(noon.Add(4*time.Second)), anotherTimer(noon.Add(time.Second)))
	v.blind, v.strike = nil, ""
	o.When(rings(anotherTimer(noon.Add(time.Second)))).Then(anotherDone).
		When(rings(refundTimer(noon.Add(4 * time.Second)))).Then(refundDone).ThenWaitsFor()
}

// Who loses a race lets the process see an event again, from the state it had before.
func TestCashierIsNotChangedByWhatComesAfter(t *testing.T) {
	t.Parallel()
	p := process.NewCashier(process.Till{
		Gateway: &vault{answer: errBroken}, Now: func() time.Time { return noon }, Backoff: time.Second, MaxBackoff: time.Second,
	})
	fresh := p.New("pay-1").Evolve(refundRequested)
	r, err := p.React(t.Context(), fresh, refundRequested)
	if err != nil {
		t.Fatal(err)
	}
	failed := es.Fold(fresh, r.Learned...)
	if timers := p.Timers(fresh); len(timers) > 0 {
		t.Errorf("waits for %v before it fails", timers)
	}
	failed.Evolve(rings(refundTimer(noon.Add(time.Second))))
	failed.Evolve(es.Retried{At: at(1)})
	if timers := p.Timers(failed); len(timers) != 1 {
		t.Errorf("waits for %v after it has failed, want one timer", timers)
	}
}

// The pause was one for all jobs once, and its timer is among what was stored then.
func TestCashierGoesOnFromAStateWithOnePauseForAll(t *testing.T) {
	t.Parallel()
	p := process.NewCashier(process.Till{Gateway: &vault{}, Now: time.Now, Backoff: time.Second, MaxBackoff: time.Second})
	var c process.Cashier
	err := json.Unmarshal([]byte(`{"payment_id":"pay-1","order_id":"7","attempts":6,"failure":"broken","next_at":"2025-03-01T12:00:04Z",
		"open":[{"key":"re-1","refund":true,"amount":{"amount":100,"currency":"EUR"},"reason":"cold"}]}`), &c)
	if err != nil {
		t.Fatal(err)
	}
	e := es.Elapsed{Timer: "gateway", At: noon.Add(4 * time.Second)}
	c = c.Evolve(e)
	r, err := p.React(t.Context(), c, e)
	if err != nil || !reflect.DeepEqual(r.Send, say(refundDone)) {
		t.Errorf("sent %v, %v, want %v", r.Send, err, refundDone)
	}
	if timers := p.Timers(es.Fold(c, r.Learned...)); len(timers) > 0 {
		t.Errorf("waits for %v after the answer", timers)
	}
}

func TestCashierSaysNothingOfWhatWasInterrupted(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	p := process.NewCashier(process.Till{Gateway: &vault{answer: errBroken}, Now: time.Now, Backoff: time.Second, MaxBackoff: time.Second})
	r, err := p.React(ctx, p.New("pay-1").Evolve(debitRequested), debitRequested)
	if !errors.Is(err, context.Canceled) || len(r.Send)+len(r.Learned) > 0 {
		t.Errorf("got %+v and %v, want that it was canceled", r, err)
	}
}
