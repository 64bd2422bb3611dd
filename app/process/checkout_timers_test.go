package process_test

import (
	"testing"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

func TestCheckoutWaitsSoLongAndNoLonger(t *testing.T) {
	t.Parallel()
	var (
		payment    = es.Timer{Name: "payment pay-1", At: at(1 + 10)}
		restaurant = es.Timer{Name: "restaurant", At: at(3 + 20)}
		customer   = func(since int) es.Timer { return es.Timer{Name: "customer", At: at(since + 30)} }
	)
	for name, test := range map[string]struct {
		given []es.Event
		when  es.Event
		waits []es.Timer
	}{
		"for nothing in a draft":                       {nil, created, nil},
		"for the customer to pay":                      {story(created), submitted, []es.Timer{customer(1)}},
		"for a payment":                                {story(created, submitted), requested, []es.Timer{payment}},
		"not once the gateway has answered":            {placed, debited, nil},
		"not once it has said no":                      {placed, declined, nil},
		"for the customer to pay again":                {story(placed, declined), failed, []es.Timer{customer(3)}},
		"not for a draft to be paid again":             {story(created, requested, declined), failed, nil},
		"for the customer to submit what is paid":      {story(created, requested, debited), paid, []es.Timer{customer(3)}},
		"for the restaurant":                           {story(placed, debited), paid, []es.Timer{restaurant}},
		"no longer when the restaurant has the ticket": {settled, opened, []es.Timer{restaurant}},
		"not once the restaurant has answered":         {inWork, accepted, nil},
		"not once the restaurant has said no":          {inWork, refusal, nil},
		"for nothing once it is approved":              {story(inWork, accepted), approved, nil},
		"for no payment of a canceled order":           {placed, canceled, nil},
		"for no restaurant then":                       {inWork, canceled, nil},
		"for no customer then":                         {story(placed, declined, failed), canceled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkout(t, test.given...).When(test.when).ThenWaitsFor(test.waits...)
		})
	}
}

func TestCheckoutGivesUpWhenTimePasses(t *testing.T) {
	t.Parallel()
	late := "the restaurant did not answer in time"
	for name, test := range map[string]struct {
		given []es.Event
		until int
		then  []es.Command
	}{
		"a payment that has a moment left":           {placed, 10, nil},
		"a payment":                                  {placed, 11, say(tooLate, giveUp)},
		"a restaurant that has a moment left":        {inWork, 22, nil},
		"a restaurant":                               {inWork, 23, say(command.RejectOrder{Order: "7", Reason: late}, withdraw)},
		"a restaurant that never got the ticket":     {settled, 23, say(command.RejectOrder{Order: "7", Reason: late}, withdraw)},
		"a customer who never pays":                  {story(created, submitted), 31, say(command.CancelOrder{Order: "7", Reason: "not paid in time"})},
		"a customer who does not pay again":          {story(placed, declined, failed), 33, say(command.CancelOrder{Order: "7", Reason: "not paid in time"})},
		"a customer who never submits":               {story(created, requested, debited, paid), 33, say(command.CancelOrder{Order: "7", Reason: "not submitted in time"})},
		"nobody, in a draft":                         {story(created), 1000, nil},
		"nobody, once the order is approved":         {cooking, 1000, nil},
		"one after the other, payment and customer":  {story(placed), 11, say(tooLate, giveUp)},
		"nobody, where the payment had failed twice": {story(placed, declined, failed, canceled), 1000, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkout(t, test.given...).WhenTimeIs(at(test.until)).Then(test.then...).WhenTimeIs(at(test.until)).Then()
		})
	}
}

// What comes after the checkout has stopped waiting for it is made undone.
func TestCheckoutMakesUndoneWhatComesTooLate(t *testing.T) {
	t.Parallel()
	var (
		refund   = command.Refund{Payment: "pay-1", Refund: refund1, Reason: "the payment came too late"}
		timedOut = order.PaymentFailed{PaymentID: "pay-1", Reason: "payment_timed_out", At: at(12)}
		overdue  = es.Elapsed{Timer: "payment pay-1", At: at(11)}
		silence  = es.Elapsed{Timer: "restaurant", At: at(23)}
		late     = order.Rejected{Reason: "the restaurant did not answer in time", At: at(23)}
		again    = order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: at(13)}
	)
	for name, test := range map[string]struct {
		given []es.Event
		when  es.Event
		then  []es.Command
	}{
		"money, before the order has heard of it":      {story(placed, overdue), debited, say(refund)},
		"money, after the order has heard of it":       {story(placed, overdue, timedOut), debited, say(refund)},
		"money, when the order was canceled":           {story(placed, overdue, timedOut, canceled), debited, say(refund)},
		"money, when there is another payment":         {story(placed, overdue, timedOut, again), debited, say(refund)},
		"and the order is not told of that":            {story(placed, overdue, timedOut, debited), returned, nil},
		"no money":                                     {story(placed, overdue, timedOut), declined, nil},
		"the restaurant's yes":                         {story(inWork, silence), accepted, nil},
		"the restaurant's no":                          {story(inWork, silence), refusal, nil},
		"an order that is rejected for that":           {story(inWork, silence), late, say(giveBack)},
		"an order that is canceled at the same moment": {story(inWork, silence), canceled, say(giveBack)},
		"a payment, when the customer had no time left": {story(placed, declined, failed, es.Elapsed{Timer: "customer", At: at(33)}), again,
			say(command.Debit{Payment: "pay-2", Order: "7", Method: "tok_ok", Amount: ten})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkout(t, test.given...).When(test.when).Then(test.then...)
		})
	}
}

func TestCheckoutGivesUpOnlyThePaymentWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	again := order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: at(4)}
	checkout(t, story(placed, declined, failed, again)...).
		When(es.Elapsed{Timer: "payment pay-1", At: at(11)}).Then().
		When(second(debited)).Then(command.ConfirmPayment{Order: "7", Payment: "pay-2"})
}

// States are values: what is made of one does not show in another.
func TestCheckoutsThatBeginAlikeGoTheirOwnWays(t *testing.T) {
	t.Parallel()
	common := checkout(t, placed...)
	common.When(debited).Then(confirm)
	common.When(declined).Then(decline)
	common.When(es.Elapsed{Timer: "payment pay-1", At: at(11)}).Then(tooLate, giveUp)
	common.When(debited).Then(confirm)
}
