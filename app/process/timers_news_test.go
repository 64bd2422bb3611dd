package process_test

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// paidAnew is another try of the customer, shortly before the time is over.
var paidAnew = order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: at(30)}

// After a downtime, or while the broker is away, the answer is in the store and nobody
// has told the checkout of it.
func TestCheckoutGivesUpNothingThatIsAnsweredInTheStore(t *testing.T) {
	t.Parallel()
	var (
		late    = "the restaurant did not answer in time"
		dropped = command.CancelOrder{Order: "7", Reason: "not paid in time"}
		shelved = command.CancelOrder{Order: "7", Reason: "not submitted in time"}
		anew    = command.Debit{Payment: "pay-2", Order: "7", Method: "tok_ok", Amount: ten}
		prepaid = story(created, requested, debited, paid)
	)
	for name, test := range map[string]struct {
		seen, news []es.Event
		until      int
		then       []es.Command
	}{
		"a payment":                         {placed, nil, 11, say(tooLate, giveUp)},
		"a payment that is made":            {placed, story(debited), 11, say(confirm)},
		"a payment that is made and known":  {placed, story(debited, paid), 11, say(confirm, openTicket)},
		"a payment that is declined":        {placed, story(declined), 11, say(decline)},
		"a payment of a canceled order":     {placed, story(canceled), 11, say(callOff)},
		"a restaurant":                      {settled, story(opened), 23, say(command.RejectOrder{Order: "7", Reason: late}, withdraw)},
		"a restaurant that has said yes":    {settled, story(opened, accepted), 23, say(approve)},
		"a restaurant that has said no":     {inWork, story(refusal), 23, say(reject)},
		"a restaurant, of a canceled order": {inWork, story(canceled), 23, say(giveBack, withdraw)},
		"a customer":                        {story(created, submitted), nil, 34, say(dropped)},
		"a customer who pays":               {story(created, submitted), story(paidAnew), 34, say(anew)},
		"a customer who pays again":         {story(placed, declined, failed), story(paidAnew), 34, say(anew)},
		"a customer who cancels":            {story(created, submitted), story(canceled), 34, nil},
		"a customer who never submits":      {prepaid, nil, 34, say(shelved)},
		"a customer who submits":            {prepaid, story(order.Submitted{At: at(32)}), 34, say(openTicket)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t, process.NewCheckout(patience), test.seen...)
			s.put(test.news...)
			s.wantFired("7", at(test.until), test.then...)
			s.wantFired("7", at(test.until)) // there is nothing more to be said
		})
	}
}

func TestCashierAsksNothingThatIsAnsweredInTheStore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		news []es.Event
		then []es.Command
	}{
		"unless there is no answer": {nil, say(debitDone)},
		"when the money came":       {story(debited), nil},
		"when there was none":       {story(declined), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &vault{blind: errBroken}
			s := newShelf(t, process.NewCashier(process.Till{
				Gateway: v, Now: func() time.Time { return noon }, Backoff: time.Second, MaxBackoff: time.Second,
			}), debitRequested)
			v.blind, v.asked = nil, nil
			s.put(test.news...)
			s.wantFired("pay-1", at(3), test.then...)
			if asked := len(v.asked) > 0; asked != (len(test.then) > 0) {
				t.Errorf("the gateway was asked %q", v.asked)
			}
		})
	}
}

func TestCheckoutNamesTheStreamsThatMayHoldAnswers(t *testing.T) {
	t.Parallel()
	p := process.NewCheckout(patience)
	for name, test := range map[string]struct {
		given []es.Event
		want  []es.Stream
	}{
		"of nothing yet":  {nil, []es.Stream{"order-7", "ticket-7"}},
		"of a payment":    {placed, []es.Stream{"order-7", "ticket-7", "payment-pay-1"}},
		"of two payments": {story(placed, declined, failed, paidAnew), []es.Stream{"order-7", "ticket-7", "payment-pay-1", "payment-pay-2"}},
	} {
		if got := p.Streams(es.Fold(p.New("7"), test.given...)); !slices.Equal(got, test.want) {
			t.Errorf("the streams %s are %v, want %v", name, got, test.want)
		}
	}
}
