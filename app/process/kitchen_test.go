package process_test

import (
	"testing"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
)

func TestKitchenAnswersByTheHouseRule(t *testing.T) {
	t.Parallel()
	two := ticket.Opened{OrderID: "7", Items: []ticket.Item{{ProductID: "p-1", Quantity: 2}, {ProductID: "p-2", Quantity: 3}}, At: noon}
	no := func(reason string) []es.Command { return say(command.RejectTicket{Ticket: "7", Reason: reason}) }
	yes := say(command.AcceptTicket{Ticket: "7"})
	for name, test := range map[string]struct {
		rule process.HouseRule
		then []es.Command
	}{
		"takes what comes":                    {process.HouseRule{}, yes},
		"leaves it to people":                 {process.HouseRule{ByHand: true}, nil},
		"is out of one of the things":         {process.HouseRule{SoldOut: []string{"p-9", "p-2"}}, no("p-2 is sold out")},
		"is out of other things":              {process.HouseRule{SoldOut: []string{"p-9"}}, yes},
		"makes as many":                       {process.HouseRule{MaxQuantity: 5}, yes},
		"makes fewer":                         {process.HouseRule{MaxQuantity: 4}, no("5 pieces are more than the 4 that are made for one order")},
		"rejects by rule, the rest by people": {process.HouseRule{ByHand: true, MaxQuantity: 4}, no("5 pieces are more than the 4 that are made for one order")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			estest.GivenProcess(t, process.NewKitchen(test.rule), "7").When(two).Then(test.then...)
		})
	}
}

func TestKitchenAnswersOnceAndNothingThatIsAnswered(t *testing.T) {
	t.Parallel()
	kitchen := process.NewKitchen(process.HouseRule{})
	for _, answered := range []es.Event{accepted, refusal, withdrawn} {
		estest.GivenProcess(t, kitchen, "7", opened).When(answered).Then().ThenStands(es.Standing{Done: true}).
			When(es.Retried{At: at(60)}).Then()
	}
	estest.GivenProcess(t, kitchen, "7", opened).When(es.Retried{At: at(60)}).Then(command.AcceptTicket{Ticket: "7"}).
		ThenStands(es.Standing{Waits: "somebody to accept or reject the ticket"}).ThenWaitsFor()
}
