package command_test

import (
	"testing"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

func TestTypeOfACommandTellsItsStream(t *testing.T) {
	t.Parallel()
	wantStreams(t, command.Category, command.ForOrders())
	wantStreams(t, payment.Category, command.ForPayments())
	wantStreams(t, ticket.Category, command.ForTickets())
}

func wantStreams[S, E any](t *testing.T, category string, commands []command.Decider[S, E]) {
	t.Helper()
	for _, c := range commands {
		if got, want := command.Stream(c.CommandType(), "a-1.b"), es.StreamOf(category, "a-1.b"); got != want {
			t.Errorf("%s is for %s, want %s", c.CommandType(), got, want)
		}
	}
}
