package process

import (
	"strconv"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// step is a command that the checkout owes somebody, under a name that is its own
// within the process.
type step struct {
	name    string
	command es.Command
}

// Reasons that the checkout gives of its own accord.
const (
	reasonPaymentOverdue    = "payment_timed_out"
	reasonRestaurantOverdue = "the restaurant did not answer in time"
	reasonNotPaid           = "not paid in time"
	reasonNotSubmitted      = "not submitted in time"
	reasonNotApproved       = "the order came to nothing"
	reasonLate              = "the payment came too late"
)

// due returns the steps that follow from what has happened and whose effect has not
// been seen yet. Each is taken once, when it first becomes due; whoever retries takes
// all of them again.
func (c Checkout) due() (steps []step) {
	owe := func(when bool, name string, what es.Command) {
		if when {
			steps = append(steps, step{name, what})
		}
	}
	for _, a := range c.Payments {
		for _, s := range c.dueFor(a) {
			owe(true, s.name+" "+string(a.ID), s.command)
		}
	}
	var (
		slip  = ticket.ID(c.Order)
		order = c.Order
		no    = c.Ticket.Status == ticket.StatusRejected || c.Ticket.Overdue
	)
	owe(c.wantsTicket() && c.Ticket.Status == "" && !c.Ticket.Overdue, openTicket,
		command.OpenTicket{Ticket: slip, Order: string(order), Items: c.Items})
	owe(c.Ticket.Status == ticket.StatusAccepted && !no && !c.CalledOff && !c.Approved, "approve",
		command.ApproveOrder{Order: order})
	owe(no && !c.CalledOff && !c.Approved, "reject",
		command.RejectOrder{Order: order, Reason: c.whyRejected()})
	owe(c.asked(openTicket) && (c.CalledOff || c.Ticket.Overdue) &&
		c.Ticket.Status != ticket.StatusRejected && c.Ticket.Status != ticket.StatusWithdrawn, "withdraw ticket",
		command.WithdrawTicket{Ticket: slip, Order: string(order), Reason: reasonNotApproved})
	owe(c.Abandoned && !c.CalledOff && !c.Shipped, "cancel",
		command.CancelOrder{Order: order, Reason: c.whyAbandoned()})
	return steps
}

// openTicket is the step that puts the order before the restaurant.
const openTicket = "open ticket"

// dueFor returns the steps for one payment.
func (c Checkout) dueFor(a Attempt) (steps []step) {
	taken := a.Recorded == order.PaymentTaken
	switch {
	case !a.Debited && a.Declined == "" && (a.Overdue || c.CalledOff):
		why := reasonNotApproved
		if a.Overdue {
			why = reasonPaymentOverdue
		}
		steps = append(steps, step{"call off payment", command.CallOffPayment{
			Payment: a.ID, Order: string(c.Order), Method: a.Method, Amount: a.Amount, Reason: why,
		}})
	case !a.Debited && a.Declined == "":
		steps = append(steps, step{"debit", command.Debit{
			Payment: a.ID, Order: string(c.Order), Method: a.Method, Amount: a.Amount,
		}})
	case a.Debited && a.Recorded == "" && !a.Overdue:
		steps = append(steps, step{"confirm payment", command.ConfirmPayment{Order: c.Order, Payment: string(a.ID)}})
	}
	if a.Recorded == "" && (a.Declined != "" || a.Overdue) {
		why := a.Declined
		if a.Overdue {
			why = reasonPaymentOverdue
		}
		steps = append(steps, step{"decline payment", command.DeclinePayment{Order: c.Order, Payment: string(a.ID), Reason: why}})
	}
	switch {
	case !c.unwanted(a):
	case a.free() > 0 && a.Refused == "":
		why := reasonNotApproved
		if a.Overdue {
			why = reasonLate
		}
		n := a.Answers + 1
		steps = append(steps, step{"refund " + strconv.Itoa(n), command.Refund{Payment: a.ID, Refund: a.refund(n), Reason: why}})
	case taken && a.kept() <= 0:
		steps = append(steps, step{"record refund", command.RefundOrder{Order: c.Order, Payment: string(a.ID)}})
	}
	return steps
}

// unwanted tells whether the money of a payment was taken and has to be given back.
func (c Checkout) unwanted(a Attempt) bool {
	return a.Debited && (a.Overdue || a.Recorded == order.PaymentTaken && c.CalledOff)
}

// kept is what was not given back so far, in minor units.
func (a Attempt) kept() int64 { return a.Amount.Amount - a.Returned }

// free is what nobody has asked back so far, in minor units.
func (a Attempt) free() int64 {
	free := a.kept()
	for _, r := range a.Asking {
		free -= r.Amount
	}
	return free
}

// refund is the id of the refund that the checkout asks for when one less was answered.
// Each answer, to whoever asked, may leave something to ask back anew.
func (a Attempt) refund(n int) string { return es.DeriveID("refund", string(a.ID), strconv.Itoa(n)) }

// own tells whether a refund is one that the checkout has asked for.
func (a Attempt) own(refund string) bool {
	for n := range a.Answers + 1 {
		if refund == a.refund(n+1) {
			return true
		}
	}
	return false
}

// paid tells whether the order says that it is paid.
func (c Checkout) paid() bool {
	return len(c.Payments) > 0 && c.Payments[len(c.Payments)-1].Recorded == order.PaymentTaken
}

func (c Checkout) wantsTicket() bool {
	return !c.SubmittedAt.IsZero() && c.paid() && !c.CalledOff && !c.Approved
}

func (c Checkout) whyRejected() string {
	if c.Ticket.Status == ticket.StatusRejected {
		return c.Ticket.Reason
	}
	return reasonRestaurantOverdue
}

func (c Checkout) whyAbandoned() string {
	if c.SubmittedAt.IsZero() {
		return reasonNotSubmitted
	}
	return reasonNotPaid
}
