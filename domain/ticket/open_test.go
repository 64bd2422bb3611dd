package ticket_test

import (
	"testing"

	"github.com/millrace/millrace/domain/ticket"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	t.Run("puts an order before the restaurant", func(t *testing.T) {
		t.Parallel()
		given(t).When(open()).Then(ticket.Opened{OrderID: "o-1", Items: pizza, At: later})
	})
	repetitions(t, open(), map[string][]ticket.Event{
		"while it is open": happened(opened),
		"once accepted":    happened(opened, accepted),
		"once rejected":    happened(opened, rejected),
	})
	refusals(t, open(), []refusal{
		{"once withdrawn", happened(opened, withdrawn), ticket.ErrWithdrawn},
		{"once withdrawn before it arrived", happened(withdrawn), ticket.ErrWithdrawn},
	})
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]ticket.Event{
		"that was never opened": nil,
		"without an answer":     happened(opened),
		"that was accepted":     happened(opened, accepted),
	} {
		t.Run("takes back a ticket "+name, func(t *testing.T) {
			t.Parallel()
			given(t, history...).When(withdraw()).
				Then(ticket.Withdrawn{OrderID: "o-1", Reason: "not hungry", At: later})
		})
	}
	repetitions(t, withdraw(), map[string][]ticket.Event{
		"once withdrawn":                   happened(opened, withdrawn),
		"once withdrawn before it arrived": happened(withdrawn),
	})
	refusals(t, withdraw(), []refusal{{"once rejected", happened(opened, rejected), ticket.ErrRejected}})
}
