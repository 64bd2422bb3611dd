package httpkit

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// Journal tells what became of a command. es.Journal does.
type Journal interface {
	Outcome(ctx context.Context, id string) (es.Outcome, error)
}

// Outcomes answers what became of commands, for those who did not wait for it.
type Outcomes struct {
	Journal  Journal
	Payments query.Payments // know which order a payment is for
}

// Found is the answer to who asks for an outcome.
type Found struct {
	outcome es.Outcome
	order   string // that it is about, if that is known
}

// Find returns what became of a command, or es.ErrUnknownCommand. An id may be in
// capitals.
func (s Outcomes) Find(ctx context.Context, id string) (Found, error) {
	o, err := s.Journal.Outcome(ctx, strings.ToLower(id))
	if err != nil {
		return Found{}, err
	}
	orderID, paymentID := whose(o)
	if paymentID == "" {
		return Found{o, orderID}, nil
	}
	row, err := s.Payments.Payment(ctx, payment.ID(paymentID))
	if err != nil && !errors.Is(err, query.ErrNoPayment) {
		return Found{}, err
	}
	return Found{o, string(row.OrderID)}, nil // empty as long as nobody has heard of the payment
}

// Send writes the answer.
func (f Found) Send(w http.ResponseWriter) error {
	switch f.outcome.Status {
	case es.StatusPending:
		w.Header().Set("Retry-After", "1")
	case es.StatusSucceeded:
		w.Header().Set("Consistency-Token", ConsistencyToken(f.outcome))
	}
	body := OutcomeBody(f.outcome)
	body.OrderID = f.order
	return SendJSON(w, http.StatusOK, body)
}
