package ticket_test

import (
	"testing"
	"time"

	"github.com/millrace/millrace/domain/rule"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es/estest"
)

// What the tests have in common: two moments, what is to be made, and what happened at
// noon to the ticket of order o-1 that most scenarios are about.
var (
	noon  = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)

	pizza = []ticket.Item{{ProductID: "p-1", Title: "Margherita", Quantity: 2}}

	opened    = ticket.Opened{OrderID: "o-1", Items: pizza, At: noon}
	accepted  = ticket.Accepted{OrderID: "o-1", At: noon}
	rejected  = ticket.Rejected{OrderID: "o-1", Reason: "no oven", At: noon}
	withdrawn = ticket.Withdrawn{OrderID: "o-1", Reason: "not hungry", At: noon}
)

// decision is a command with its arguments filled in.
type decision = func(ticket.Ticket) ([]ticket.Event, error)

func open() decision {
	return func(t ticket.Ticket) ([]ticket.Event, error) { return t.Open("o-1", pizza, later) }
}

func accept() decision {
	return func(t ticket.Ticket) ([]ticket.Event, error) { return t.Accept(later) }
}

func reject(reason string) decision {
	return func(t ticket.Ticket) ([]ticket.Event, error) { return t.Reject(reason, later) }
}

func withdraw() decision {
	return func(t ticket.Ticket) ([]ticket.Event, error) { return t.Withdraw("o-1", "not hungry", later) }
}

// given starts a scenario about a ticket to which some things have happened.
func given(t *testing.T, history ...ticket.Event) estest.Scenario[ticket.Ticket, ticket.Event] {
	return estest.Given[ticket.Ticket](t, history...)
}

// happened lists what happened to a ticket, oldest first.
func happened(events ...ticket.Event) []ticket.Event { return events }

// refusals runs a scenario per rejection: what had happened, and what the ticket says
// to the decision then.
func refusals(t *testing.T, decide decision, table []refusal) {
	t.Helper()
	for _, r := range table {
		t.Run("is refused "+r.when, func(t *testing.T) {
			t.Parallel()
			given(t, r.history...).When(decide).ThenRejected(r.with)
		})
	}
}

type refusal struct {
	when    string
	history []ticket.Event
	with    rule.Rejection
}

// repetitions runs a scenario for each time that the decision was made before.
func repetitions(t *testing.T, decide decision, table map[string][]ticket.Event) {
	t.Helper()
	for when, history := range table {
		t.Run("changes nothing "+when, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(decide).Then()
		})
	}
}
