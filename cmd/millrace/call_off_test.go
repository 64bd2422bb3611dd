package main

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	contract "github.com/millrace/millrace/api/client"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// debitAndCallOff are the two commands that may be the first of a payment of 19.00.
func debitAndCallOff(order string) (command.Debit, command.CallOffPayment) {
	id, of := paymentID(newID()), order[len(order)-36:]
	return command.Debit{Payment: id, Order: of, Method: "tok_ok", Amount: euros(1900)},
		command.CallOffPayment{Payment: id, Order: of, Method: "tok_ok", Amount: euros(1900), Reason: "payment_timed_out"}
}

// A debit that comes to life again goes to a service whose gateway takes all it is
// asked for, so that it would be seen to take this.
func TestPaymentThatWasCalledOffIsNotTakenAnyMore(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := participate(t, s)
	c := s.client(t)
	order := createAndWait(c)
	debit, callOff := debitAndCallOff(order)
	p.do(callOff)
	p.do(callOff)
	for range 2 {
		if o, err := p.ask(debit); err != nil || o.Status != es.StatusRejected || o.Problem.Code != "payment_called_off" {
			t.Errorf("a debit comes to %+v with %+v, error %v, want payment_called_off", o, o.Problem, err)
		}
	}
	later := p.request(order, "tok_ok")
	found := c.awaitPayments(order, func(all []contract.Payment) bool {
		return len(all) == 2 && all[1].Status == contract.PaymentProgressDebited
	})
	off := found[0]
	if got, want := fmt.Sprint(off.ID, " ", off.Status, " ", off.Amount, " ", off.Refunded, " ", off.PaymentMethod, " ",
		text(off.GatewayReference), " ", text(off.DeclineReason), " ", off.Version),
		string(debit.Payment)+" declined {1900 EUR} {0 EUR} tok_ok - payment_timed_out 1"; got != want {
		t.Errorf("the payment is\n\t%s, want\n\t%s", got, want)
	}
	if !off.CreatedAt.Equal(off.UpdatedAt) || off.CreatedAt.IsZero() {
		t.Errorf("it is from %v and has changed at %v", off.CreatedAt, off.UpdatedAt)
	}
	if found[1].ID != later {
		t.Errorf("the other payment is %s, want %s", found[1].ID, later)
	}
}

// Whichever of the two comes first decides what the payment is, and the other one
// changes nothing.
func TestPaymentIsEitherAskedForOrCalledOff(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	for range 20 {
		debit, callOff := debitAndCallOff(newID())
		var (
			both sync.WaitGroup
			on   es.Outcome
			off  es.Outcome
			errs [2]error
		)
		both.Go(func() { on, errs[0] = p.ask(debit) })
		both.Go(func() { off, errs[1] = p.ask(callOff) })
		both.Wait()
		var happened []string
		for r, err := range p.store.Read(t.Context(), es.StreamOf(payment.Category, debit.Target()), 0) {
			if err != nil {
				t.Fatal(err)
			}
			happened = append(happened, r.Type)
		}
		want := []string{"payment.debit_requested"}
		if on.Status == es.StatusRejected {
			want = []string{"payment.called_off"}
		}
		if errs != [2]error{} || off.Status != es.StatusSucceeded || !slices.Equal(happened, want) {
			t.Errorf("the debit is %s, the other %s (%v), and what happened is %v, want %v", on.Status, off.Status, errs, happened, want)
		}
	}
}
