package process_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

func checkout(t *testing.T, history ...es.Event) estest.ProcessScenario[process.Checkout] {
	t.Helper()
	return estest.GivenProcess(t, process.NewCheckout(patience), "7", history...)
}

// Each line is one step of the checkout: what has happened, what happens next, and
// what is asked of whom then.
func TestCheckoutAnswersWhatHappens(t *testing.T) {
	t.Parallel()
	pay2 := order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: at(4)}
	for name, test := range map[string]struct {
		given []es.Event
		when  es.Event
		then  []es.Command
	}{
		"a payment is requested":                                       {story(created, submitted), requested, say(debit)},
		"a payment is requested before the order is wanted":            {story(created), requested, say(debit)},
		"the money was taken":                                          {placed, debited, say(confirm)},
		"the money was not taken":                                      {placed, declined, say(decline)},
		"the money will never be taken":                                {placed, gone, say(decline)},
		"the order is paid":                                            {story(placed, debited), paid, say(openTicket)},
		"a paid order is submitted":                                    {story(created, requested, debited, paid), submitted, say(openTicket)},
		"the cart was changed before":                                  {story(order.Created{Cart: order.Cart{}, At: noon}, order.CartUpdated{Cart: cart, At: noon}, submitted, requested, debited), paid, say(openTicket)},
		"an order is paid before it is wanted":                         {story(created, requested, debited), paid, nil},
		"the restaurant has the ticket":                                {settled, opened, nil},
		"the restaurant accepts":                                       {inWork, accepted, say(approve)},
		"the restaurant accepts before it says that it has the ticket": {settled, accepted, say(approve)},
		"the restaurant rejects":                                       {inWork, refusal, say(reject)},
		"the order is approved":                                        {story(inWork, accepted), approved, nil},
		"the order is shipped":                                         {cooking, shipped, nil},
		"the order arrives":                                            {story(cooking, shipped), completed, nil},
		"the order is rejected":                                        {story(inWork, refusal), rejected, say(giveBack)},
		"the money of a rejected order is back":                        {story(inWork, refusal, rejected), returned, say(recordRefund)},
		"all is over":                                                  {story(inWork, refusal, rejected, returned), refunded, nil},

		"canceled as a draft":                      {story(created), canceled, nil},
		"canceled without a payment":               {story(created, submitted), canceled, nil},
		"canceled while the payment is open":       {placed, canceled, say(callOff)},
		"the money comes after that":               {story(placed, canceled), debited, say(confirm)},
		"and is recorded":                          {story(placed, canceled, debited), paid, say(giveBack)},
		"no money comes after that":                {story(placed, canceled), declined, say(decline)},
		"canceled after a failed payment":          {story(placed, declined, failed), canceled, nil},
		"canceled between money and record":        {story(placed, debited), canceled, nil},
		"canceled when paid, before it was wanted": {story(created, requested, debited, paid), canceled, say(giveBack)},
		"canceled while the restaurant thinks":     {inWork, canceled, say(giveBack, withdraw)},
		"canceled before the restaurant has it":    {settled, canceled, say(giveBack, withdraw)},
		"the restaurant accepts after that":        {story(inWork, canceled), accepted, nil},
		"the restaurant rejects after that":        {story(inWork, canceled), refusal, nil},
		"the ticket is back":                       {story(inWork, canceled), withdrawn, nil},
		"canceled before it is approved":           {story(inWork, accepted), canceled, say(giveBack, withdraw)},
		"canceled after it was approved":           {cooking, canceled, say(giveBack, withdraw)},
		"the money of a canceled order is back":    {story(cooking, canceled, withdrawn), returned, say(recordRefund)},

		"paid at the second attempt": {story(placed, declined, failed), pay2,
			say(command.Debit{Payment: "pay-2", Order: "7", Method: "tok_ok", Amount: ten})},
		"the second attempt is taken": {story(placed, declined, failed, pay2), second(debited), say(command.ConfirmPayment{Order: "7", Payment: "pay-2"})},
		"the second attempt counts": {story(placed, declined, failed, pay2, second(debited)),
			order.Paid{PaymentID: "pay-2", Amount: ten, At: at(5)}, say(openTicket)},

		"a part is asked back by hand":                           {cooking, ask("by-hand", one), nil},
		"and given back":                                         {story(cooking, ask("by-hand", one)), give("by-hand", one), nil},
		"and refused":                                            {story(cooking, ask("by-hand", one)), refuse("by-hand", one), nil},
		"the rest is given back when it is canceled":             {story(cooking, ask("by-hand", one), give("by-hand", one)), canceled, say(giveBack2, withdraw)},
		"and when a part is only asked back":                     {story(cooking, ask("by-hand", one)), canceled, say(giveBack, withdraw)},
		"the rest is not all":                                    {story(cooking, ask("by-hand", one), canceled, ask(refund1, nine)), give(refund1, nine), nil},
		"the parts are all":                                      {story(cooking, ask("by-hand", one), canceled, ask(refund1, nine), give(refund1, nine)), give("by-hand", one), say(recordRefund)},
		"all was given back by hand before":                      {story(cooking, ask("by-hand", ten), give("by-hand", ten)), canceled, say(recordRefund, withdraw)},
		"all is asked back by hand before":                       {story(cooking, ask("by-hand", ten)), canceled, say(withdraw)},
		"and all of that is refused":                             {story(cooking, ask("by-hand", ten), canceled), refuse("by-hand", ten), say(giveBack2)},
		"the other part is refused":                              {story(cooking, ask("by-hand", one), canceled, ask(refund1, nine), give(refund1, nine)), refuse("by-hand", one), say(giveBack3)},
		"the other part is refused while the rest is on its way": {story(cooking, ask("by-hand", one), canceled, ask(refund1, nine)), refuse("by-hand", one), say(giveBack2)},
		"the refund is refused":                                  {story(cooking, canceled, ask(refund1, ten)), refused, nil},
		"the refund is refused, and then another is answered":    {story(cooking, ask("by-hand", one), canceled, ask(refund1, nine), give("by-hand", one)), refuse(refund1, nine), nil},
		"the money is asked back by hand after a refusal":        {story(cooking, canceled, ask(refund1, ten), refused), ask("by-hand", ten), nil},
		"and is given back by hand":                              {story(cooking, canceled, ask(refund1, ten), refused, ask("by-hand", ten)), give("by-hand", ten), say(recordRefund)},
		"the refund that was refused is settled":                 {story(cooking, canceled, ask(refund1, ten), refused), returned, say(recordRefund)},
		"the refund is settled after another try":                {story(cooking, canceled, ask(refund1, ten), refused, es.Retried{At: at(60)}, ask(refund2, ten), refuse(refund2, ten)), give(refund1, ten), say(recordRefund)},
		"a part of what is refused is settled":                   {story(cooking, ask("by-hand", one), refuse("by-hand", one), canceled, ask(refund2, ten), refuse(refund2, ten)), give("by-hand", one), nil},
		"a part that was settled is not given back again":        {story(cooking, ask("by-hand", one), refuse("by-hand", one), give("by-hand", one)), canceled, say(giveBack3, withdraw)},
		"an order that costs nothing is canceled":                {story(free(cooking)...), canceled, say(recordRefund, withdraw)},
		"something that the checkout does not care for":          {inWork, order.DeliveryAddressChanged{At: at(5)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkout(t, test.given...).When(test.when).Then(test.then...)
		})
	}
}

func say(commands ...es.Command) []es.Command { return commands }

// second is an event of the second payment.
func second(e payment.Debited) payment.Debited {
	e.PaymentID = "pay-2"
	return e
}

// ask, give and refuse are what happens to a refund.
func ask(refund string, amount order.Money) payment.Event {
	return payment.RefundRequested{PaymentID: "pay-1", OrderID: "7", RefundID: refund, Amount: amount, At: at(7)}
}

func give(refund string, amount order.Money) payment.Event {
	return payment.Refunded{PaymentID: "pay-1", OrderID: "7", RefundID: refund, Amount: amount, At: at(8)}
}

func refuse(refund string, amount order.Money) payment.Event {
	return payment.RefundRefused{PaymentID: "pay-1", OrderID: "7", RefundID: refund, Amount: amount, Reason: "account_closed", At: at(8)}
}

// free is a story of an order that costs nothing.
func free(events []es.Event) []any {
	var all []any
	for _, e := range events {
		switch e := e.(type) {
		case order.PaymentRequested:
			e.Amount.Amount = 0
			all = append(all, e)
		default:
			all = append(all, e)
		}
	}
	return all
}

// What happens is seen once by the process, and the events of one stream in their
// order; those of several streams may come in any.
func TestCheckoutEndsAlikeInWhateverOrderNewsArrive(t *testing.T) {
	t.Parallel()
	for name, stories := range map[string][2][]es.Event{
		"the ticket's answer overtakes the order":  {story(settled, opened, accepted), story(placed, debited, opened, accepted, paid)},
		"the order's end overtakes the payment":    {story(placed, debited, canceled), story(placed, canceled, debited)},
		"the order's end overtakes the restaurant": {story(inWork, accepted, canceled), story(inWork, canceled, accepted)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ends [2]process.Checkout
			for i, s := range stories {
				end := checkout(t, s[:len(s)-1]...).When(s[len(s)-1]).State()
				end.Asked = nil // who hears of an answer first need not ask
				ends[i] = end
			}
			if !reflect.DeepEqual(ends[0], ends[1]) {
				t.Errorf("one is\n\t%+v\nand the other\n\t%+v", ends[0], ends[1])
			}
		})
	}
}

func TestCheckoutAsksAnybodyOnce(t *testing.T) {
	t.Parallel()
	sent := map[string]int{}
	s := checkout(t)
	for _, e := range story(cooking, shipped, completed) {
		o := s.When(e)
		s = o.ProcessScenario
		for _, c := range o.Sent() {
			sent[c.CommandType()]++
		}
	}
	for _, want := range []es.Command{debit, confirm, openTicket, approve} {
		if n := sent[want.CommandType()]; n != 1 {
			t.Errorf("sent %s %d times, want once", want.CommandType(), n)
		}
	}
	if len(sent) != 4 {
		t.Errorf("sent %v, want four commands", sent)
	}
}

// Whoever retries has everything asked again whose effect was not seen. All of these
// commands change nothing where they were carried out before.
func TestCheckoutRetriesWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	retried := es.Retried{At: at(60)}
	for name, test := range map[string]struct {
		given []es.Event
		then  []es.Command
	}{
		"nothing, in a draft":                 {story(created), nil},
		"the payment's answer":                {placed, say(debit)},
		"no payment whose time is over":       {story(placed, es.Elapsed{Timer: "payment pay-1", At: at(11)}, failed), say(tooLate)},
		"no payment of a canceled order":      {story(placed, canceled), say(callOff)},
		"the order's record of the money":     {story(placed, debited), say(confirm)},
		"the order's record of a no":          {story(placed, declined), say(decline)},
		"the ticket":                          {settled, say(openTicket)},
		"nothing, while people think":         {inWork, nil},
		"the approval":                        {story(inWork, accepted), say(approve)},
		"the rejection":                       {story(inWork, refusal), say(reject)},
		"the refund and the ticket's end":     {story(cooking, canceled), say(giveBack, withdraw)},
		"the order's record of the refund":    {story(cooking, canceled, withdrawn, returned), say(recordRefund)},
		"a refund that was refused":           {story(cooking, canceled, withdrawn, ask(refund1, ten), refused), say(giveBack2)},
		"no refund that the gateway knows of": {story(cooking, canceled, withdrawn, ask(refund1, ten)), nil},
		"no refund once others gave it back":  {story(cooking, canceled, withdrawn, ask(refund1, ten), refused, ask("by-hand", ten), give("by-hand", ten), refunded), nil},
		"no refund that was settled":          {story(cooking, canceled, withdrawn, ask(refund1, ten), refused, returned), say(recordRefund)},
		"nothing, when all is over":           {story(cooking, canceled, withdrawn, returned, refunded), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkout(t, test.given...).When(retried).Then(test.then...)
		})
	}
}

func TestCheckoutSaysHowItStands(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given []es.Event
		when  es.Event
		want  es.Standing
	}{
		"a draft":           {nil, created, es.Standing{Done: true}},
		"a payment is open": {story(created, submitted), requested, es.Standing{Waits: "debit pay-1, answer of payment pay-1"}},
		"the restaurant":    {settled, opened, es.Standing{Waits: "answer of restaurant"}},
		"the customer":      {placed, failed, es.Standing{Waits: "debit pay-1, the customer"}},
		"all is well":       {story(inWork, accepted), approved, es.Standing{Done: true}},
		"all is over":       {story(cooking, canceled, withdrawn, returned), refunded, es.Standing{Done: true}},
		"a refund":          {story(cooking, canceled, withdrawn), ask(refund1, ten), es.Standing{Waits: "answer of refund of payment pay-1"}},
		"a refund by hand":  {story(inWork, accepted, approved), ask("by-hand", one), es.Standing{Done: true}},
		"a refund by hand of a canceled order": {story(cooking, withdrawn, ask("by-hand", ten)), canceled,
			es.Standing{Waits: "answer of refund of payment pay-1"}},
		"a refused refund": {story(cooking, canceled, withdrawn, ask(refund1, ten)), refused,
			es.Standing{Trouble: "the refund of payment pay-1 was refused: account_closed"}},
		"a refused refund that is tried again": {story(cooking, canceled, withdrawn, ask(refund1, ten), refused), es.Retried{At: at(60)},
			es.Standing{Waits: "refund 2 pay-1"}},
		"a refused refund that is given back by hand": {story(cooking, canceled, withdrawn, ask(refund1, ten), refused, ask("by-hand", ten), give("by-hand", ten)), refunded,
			es.Standing{Done: true}},
		"a refused refund that is settled": {story(cooking, canceled, withdrawn, ask(refund1, ten), refused), returned,
			es.Standing{Waits: "record refund pay-1"}},
		"a refused refund that is settled, as the order knows": {story(cooking, canceled, withdrawn, ask(refund1, ten), refused, returned), refunded,
			es.Standing{Done: true}},
		"a refused refund of which a part is settled": {story(cooking, ask("by-hand", one), refuse("by-hand", one), canceled, withdrawn, ask(refund2, ten), refuse(refund2, ten)), give("by-hand", one),
			es.Standing{Trouble: "the refund of payment pay-1 was refused: account_closed"}},
		"a cancellation that came too late": {story(created, requested, debited, paid, es.Elapsed{Timer: "customer", At: at(33)}, submitted, opened, accepted, approved), shipped,
			es.Standing{Done: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkout(t, test.given...).When(test.when).ThenStands(test.want)
		})
	}
}

func TestCheckoutAnswersTheEventsThatItNames(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, name := range process.NewCheckout(patience).Events {
		named[name] = true
	}
	for _, e := range story(submitted, requested, paid, failed, approved, rejected, canceled, refunded, shipped,
		debited, declined, gone, ask(refund1, ten), returned, refused, opened, accepted, refusal, withdrawn) {
		if !named[e.EventType()] {
			t.Errorf("%s does not wake the checkout", e.EventType())
		}
		delete(named, e.EventType())
	}
	if len(named) > 0 {
		t.Errorf("%v wake the checkout for no reason", named)
	}
}

func TestCheckoutKnowsItsOrder(t *testing.T) {
	t.Parallel()
	p := process.NewCheckout(patience)
	for stream, e := range map[es.Stream]es.Event{
		"order-7":     submitted,
		"payment-xyz": payment.Event(debited),
		"ticket-7":    ticket.Event(opened),
	} {
		if got := p.Subject(stream, e); got != "7" {
			t.Errorf("%s of %s is about %q, want 7", e.EventType(), stream, got)
		}
	}
}

func TestCheckoutHasACaseForEveryEvent(t *testing.T) {
	t.Parallel()
	for method, want := range map[string][]string{
		"evolveOrder":   estest.TypeNames(order.Catalogue()),
		"evolvePayment": estest.TypeNames(payment.Catalogue()),
	} {
		if got := estest.CasesOf(t, ".", "Checkout", method); !slices.Equal(got, want) {
			t.Errorf("%s has cases for\n\t%v\nand the catalogue lists\n\t%v", method, got, want)
		}
	}
}
