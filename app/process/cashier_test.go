package process_test

import (
	"context"
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
	partBack        = payment.Refunded{PaymentID: "pay-1", OrderID: "7", RefundID: "re-1", Amount: one, Reference: "r", At: at(4)}
	notBack         = payment.RefundRefused{PaymentID: "pay-1", OrderID: "7", RefundID: "re-1", Amount: one, Reason: "closed", At: at(4)}

	debitDone       = command.ConfirmDebit{Payment: "pay-1", Reference: "gw-pay-1"}
	refundDone      = command.ConfirmRefund{Payment: "pay-1", Refund: "re-1", Reference: "gw-re-1"}
	debitNo         = command.DeclineDebit{Payment: "pay-1", Reason: "card_declined"}
	refundNo        = command.RefuseRefund{Payment: "pay-1", Refund: "re-1", Reason: "card_declined"}
	askedCharge     = []string{"find charge pay-1", "charge pay-1 for 7 by tok_ok: 1000 EUR"}
	askedRefund     = []string{"find refund re-1", "refund re-1 of pay-1: 100 EUR (cold)"}
	errCardDeclined = fmt.Errorf("no: %w", process.Declined{Reason: "card_declined"})
)

// vault is a gateway that does what it is told and writes down what it is asked for.
type vault struct {
	answer error // to every request
	lost   error // the answer gets lost, and this is seen instead
	blind  error // the answer to every look
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
		"for money, which comes":      {vault{}, nil, debitRequested, askedCharge, say(debitDone)},
		"for money, which is refused": {vault{answer: errCardDeclined}, nil, debitRequested, askedCharge, say(debitNo)},
		"to give money back":          {vault{}, story(debited), refundRequested, askedRefund, say(refundDone)},
		"to give it back, in vain":    {vault{answer: errCardDeclined}, story(debited), refundRequested, askedRefund, say(refundNo)},
		"for nothing more":            {vault{}, nil, debited, nil, nil},
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

func TestCashierAsksAgainAfterGrowingPauses(t *testing.T) {
	t.Parallel()
	v := &vault{answer: errBroken}
	o := cashier(t, v).When(debitRequested)
	for n, pause := range []time.Duration{1, 2, 4, 4, 4, 4} {
		due := noon.Add(pause * time.Second)
		standing := es.Standing{Waits: "the gateway"}
		if n >= 4 {
			standing.Trouble = fmt.Sprintf("the gateway has given no answer %d times: broken", n+1)
		}
		o.Then().ThenWaitsFor(es.Timer{Name: "gateway", At: due}).ThenStands(standing)
		o = o.When(es.Elapsed{Timer: "gateway", At: due})
	}
	v.answer = nil
	o.When(es.Elapsed{Timer: "gateway", At: at(1)}).Then(debitDone).ThenWaitsFor().
		ThenStands(es.Standing{Waits: "the gateway"}).
		When(debited).Then().ThenStands(es.Standing{Done: true})
}

func TestCashierDoesNotAskBeforeThePauseIsOver(t *testing.T) {
	t.Parallel()
	v := &vault{answer: errBroken}
	o := cashier(t, v).When(debitRequested)
	before := len(v.asked)
	o.When(refundRequested).Then()
	if len(v.asked) != before {
		t.Errorf("asked %q in the pause", v.asked[before:])
	}
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
