package ticket_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/domain/rule"
	"github.com/millrace/millrace/domain/ticket"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	t.Run("says that an order is made", func(t *testing.T) {
		t.Parallel()
		given(t, opened).When(accept()).Then(ticket.Accepted{OrderID: "o-1", At: later})
	})
	refusals(t, accept(), unanswerable())
}

func TestReject(t *testing.T) {
	t.Parallel()
	t.Run("says that an order is not made, and why", func(t *testing.T) {
		t.Parallel()
		given(t, opened).When(reject("no oven")).Then(ticket.Rejected{OrderID: "o-1", Reason: "no oven", At: later})
	})
	refusals(t, reject("no oven"), unanswerable())
}

func TestRejectNeedsAReason(t *testing.T) {
	t.Parallel()
	for reason, detail := range map[string]string{
		"": "must not be blank", " \n": "must not be blank", strings.Repeat("x", 501): "must have 1 to 500 characters",
	} {
		no := rule.Wrong("invalid_request", "/reason", detail)
		given(t, opened).When(reject(reason)).ThenRejected(no)
		if err := ticket.CheckReason(reason); err == nil || err.Error() != no.Error() {
			t.Errorf("%.20q is %v, want %v", reason, err, no)
		}
	}
}

// unanswerable are the tickets that wait for no answer.
func unanswerable() []refusal {
	return []refusal{
		{"without a ticket", nil, ticket.ErrNotFound},
		{"once accepted", happened(opened, accepted), ticket.ErrAccepted},
		{"once rejected", happened(opened, rejected), ticket.ErrRejected},
		{"once withdrawn", happened(opened, withdrawn), ticket.ErrWithdrawn},
		{"once withdrawn after it was accepted", happened(opened, accepted, withdrawn), ticket.ErrWithdrawn},
		{"once withdrawn before it was opened", happened(withdrawn), ticket.ErrWithdrawn},
	}
}
