package process_test

import (
	"errors"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// What happens to order 7, a minute after the other, as the tests tell it.
var (
	noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	ten  = money.Money{Amount: 1000, Currency: "EUR"}
	nine = money.Money{Amount: 900, Currency: "EUR"}
	one  = money.Money{Amount: 100, Currency: "EUR"}

	cart   = order.Cart{{ProductID: "p-1", Title: "Margherita", Quantity: 2, UnitPrice: money.Money{Amount: 500, Currency: "EUR"}}}
	dishes = []ticket.Item{{ProductID: "p-1", Title: "Margherita", Quantity: 2}}

	created   = order.Created{CustomerID: "c-42", Cart: cart, Total: ten, At: noon}
	submitted = order.Submitted{At: at(1)}
	requested = order.PaymentRequested{PaymentID: "pay-1", Method: "tok_ok", Amount: ten, At: at(1)}
	paid      = order.Paid{PaymentID: "pay-1", Amount: ten, At: at(3)}
	failed    = order.PaymentFailed{PaymentID: "pay-1", Reason: "no funds", At: at(3)}
	approved  = order.Approved{At: at(6)}
	rejected  = order.Rejected{Reason: "no oven", At: at(6)}
	canceled  = order.Canceled{Reason: "not hungry", At: at(7)}
	refunded  = order.Refunded{PaymentID: "pay-1", Amount: ten, At: at(9)}
	shipped   = order.Shipped{At: at(8)}
	completed = order.Completed{At: at(9)}

	debited  = payment.Debited{PaymentID: "pay-1", OrderID: "7", Amount: ten, Reference: "ch-1", At: at(2)}
	declined = payment.Declined{PaymentID: "pay-1", OrderID: "7", Reason: "no funds", At: at(2)}
	gone     = payment.CalledOff{PaymentID: "pay-1", OrderID: "7", Method: "tok_ok", Amount: ten, Reason: "no funds", At: at(2)}
	returned = payment.Refunded{PaymentID: "pay-1", OrderID: "7", RefundID: refund1, Amount: ten, Reference: "re-1", At: at(8)}
	refused  = payment.RefundRefused{PaymentID: "pay-1", OrderID: "7", RefundID: refund1, Amount: ten, Reason: "account_closed", At: at(8)}

	opened    = ticket.Opened{OrderID: "7", Items: dishes, At: at(4)}
	accepted  = ticket.Accepted{OrderID: "7", At: at(5)}
	refusal   = ticket.Rejected{OrderID: "7", Reason: "no oven", At: at(5)}
	withdrawn = ticket.Withdrawn{OrderID: "7", Reason: "the order came to nothing", At: at(8)}

	refund1 = es.DeriveID("refund", "pay-1", "1")
	refund2 = es.DeriveID("refund", "pay-1", "2")
	refund3 = es.DeriveID("refund", "pay-1", "3")

	debit        = command.Debit{Payment: "pay-1", Order: "7", Method: "tok_ok", Amount: ten}
	confirm      = command.ConfirmPayment{Order: "7", Payment: "pay-1"}
	decline      = command.DeclinePayment{Order: "7", Payment: "pay-1", Reason: "no funds"}
	giveUp       = command.DeclinePayment{Order: "7", Payment: "pay-1", Reason: "payment_timed_out"}
	callOff      = command.CallOffPayment{Payment: "pay-1", Order: "7", Method: "tok_ok", Amount: ten, Reason: "the order came to nothing"}
	tooLate      = command.CallOffPayment{Payment: "pay-1", Order: "7", Method: "tok_ok", Amount: ten, Reason: "payment_timed_out"}
	openTicket   = command.OpenTicket{Ticket: "7", Order: "7", Items: dishes}
	approve      = command.ApproveOrder{Order: "7"}
	reject       = command.RejectOrder{Order: "7", Reason: "no oven"}
	withdraw     = command.WithdrawTicket{Ticket: "7", Order: "7", Reason: "the order came to nothing"}
	giveBack     = command.Refund{Payment: "pay-1", Refund: refund1, Reason: "the order came to nothing"}
	giveBack2    = command.Refund{Payment: "pay-1", Refund: refund2, Reason: "the order came to nothing"}
	giveBack3    = command.Refund{Payment: "pay-1", Refund: refund3, Reason: "the order came to nothing"}
	recordRefund = command.RefundOrder{Order: "7", Payment: "pay-1"}

	errBroken = errors.New("broken")
)

// at is some minutes after noon.
func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

// patience is long enough for none of the timers to get in the way of a test that is
// not about them.
var patience = process.Patience{Payment: 10 * time.Minute, Restaurant: 20 * time.Minute, Customer: 30 * time.Minute}

// story is what has happened, in several words.
func story(parts ...any) (events []es.Event) {
	for _, p := range parts {
		switch p := p.(type) {
		case es.Event:
			events = append(events, p)
		case []es.Event:
			events = append(events, p...)
		}
	}
	return events
}

// How far an order gets when all goes well.
var (
	placed  = story(created, submitted, requested)
	settled = story(placed, debited, paid)
	inWork  = story(settled, opened)
	cooking = story(inWork, accepted, approved)
)
