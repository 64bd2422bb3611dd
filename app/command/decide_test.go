package command_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// scenario is what had happened, and what a command leads to then.
type scenario[E any] struct{ given, want []E }

// decides wants every command of a kind to decide as its scenario says, which uses
// all that the command carries.
func decides[S es.Folded[S, E], E any](t *testing.T, all []command.Decider[S, E], scenarios map[string]scenario[E]) {
	t.Helper()
	if got, want := slices.Sorted(maps.Keys(scenarios)), namesOf(all); !slices.Equal(got, want) {
		t.Errorf("there are scenarios for\n\t%v\nwant\n\t%v", got, want)
	}
	for name, s := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, ok := written[name+".v1"].(command.Decider[S, E])
			if !ok {
				t.Fatalf("%T decides about something else", written[name+".v1"])
			}
			var none S
			got, err := c.Decide(es.Fold(none, s.given...), noon)
			if err != nil || !reflect.DeepEqual(got, s.want) {
				t.Errorf("got\n\t%+v, %v\nwant\n\t%+v", got, err, s.want)
			}
		})
	}
}

func TestEveryCommandForAnOrderHandsOnAllItSays(t *testing.T) {
	t.Parallel()
	var (
		draft     = order.Created{CustomerID: "c-42", Email: "ann@example.com", Cart: cart, Total: total, DeliveryAddress: home, At: noon}
		submitted = order.Submitted{At: noon}
		requested = order.PaymentRequested{PaymentID: "pay-1", Method: "tok_ok", Amount: total, At: noon}
		paid      = order.Paid{PaymentID: "pay-1", Amount: total, At: noon}
		approved  = order.Approved{At: noon}
		shipped   = order.Shipped{Carrier: "bike", TrackingNumber: "t-7", At: noon}
		canceled  = order.Canceled{Reason: "not hungry", At: noon}
	)
	decides(t, command.ForOrders(), map[string]scenario[order.Event]{
		"order.create":                  {nil, []order.Event{draft}},
		"order.update_cart":             {[]order.Event{draft}, []order.Event{order.CartUpdated{Cart: cart, Total: total, At: noon}}},
		"order.change_delivery_address": {[]order.Event{draft}, []order.Event{order.DeliveryAddressChanged{DeliveryAddress: home, At: noon}}},
		"order.pay":                     {[]order.Event{draft}, []order.Event{requested}},
		"order.submit":                  {[]order.Event{draft}, []order.Event{submitted, requested}},
		"order.confirm_payment":         {[]order.Event{draft, requested}, []order.Event{paid}},
		"order.decline_payment":         {[]order.Event{draft, requested}, []order.Event{order.PaymentFailed{PaymentID: "pay-1", Reason: "no funds", At: noon}}},
		"order.approve":                 {[]order.Event{draft, submitted, requested, paid}, []order.Event{approved}},
		"order.reject":                  {[]order.Event{draft, submitted, requested, paid}, []order.Event{order.Rejected{Reason: "no oven", At: noon}}},
		"order.ship":                    {[]order.Event{draft, submitted, requested, paid, approved}, []order.Event{shipped}},
		"order.complete":                {[]order.Event{draft, submitted, requested, paid, approved, shipped}, []order.Event{order.Completed{DeliveredAt: noon, At: noon}}},
		"order.cancel":                  {[]order.Event{draft}, []order.Event{canceled}},
		"order.refund":                  {[]order.Event{draft, requested, paid, canceled}, []order.Event{order.Refunded{PaymentID: "pay-1", Amount: total, At: noon}}},
	})
}

func TestEveryCommandForAPaymentHandsOnAllItSays(t *testing.T) {
	t.Parallel()
	const of = string(id)
	var (
		requested = payment.DebitRequested{PaymentID: paymentID, OrderID: of, Method: "tok_ok", Amount: total, At: noon}
		debited   = payment.Debited{PaymentID: paymentID, OrderID: of, Amount: total, Reference: "ch-1", At: noon}
		calledOff = payment.CalledOff{PaymentID: paymentID, OrderID: of, Method: "tok_ok", Amount: total, Reason: "payment_timed_out", At: noon}
		declined  = payment.Declined{PaymentID: paymentID, OrderID: of, Reason: "card_declined", At: noon}
		asked     = payment.RefundRequested{PaymentID: paymentID, OrderID: of, RefundID: "refund-1", Amount: part, Reason: "no oven", At: noon}
		refunded  = payment.Refunded{PaymentID: paymentID, OrderID: of, RefundID: "refund-1", Amount: part, Reference: "re-1", At: noon}
		refused   = payment.RefundRefused{PaymentID: paymentID, OrderID: of, RefundID: "refund-1", Amount: part, Reason: "account_closed", At: noon}
		settled   = payment.Refunded{PaymentID: paymentID, OrderID: of, RefundID: "refund-1", Amount: part, Reference: "transfer-1", At: noon}
	)
	decides(t, command.ForPayments(), map[string]scenario[payment.Event]{
		"payment.debit":          {nil, []payment.Event{requested}},
		"payment.call_off":       {nil, []payment.Event{calledOff}},
		"payment.confirm_debit":  {[]payment.Event{requested}, []payment.Event{debited}},
		"payment.decline_debit":  {[]payment.Event{requested}, []payment.Event{declined}},
		"payment.refund":         {[]payment.Event{requested, debited}, []payment.Event{asked}},
		"payment.confirm_refund": {[]payment.Event{requested, debited, asked}, []payment.Event{refunded}},
		"payment.refuse_refund":  {[]payment.Event{requested, debited, asked}, []payment.Event{refused}},
		"payment.settle_refund":  {[]payment.Event{requested, debited, asked, refused}, []payment.Event{settled}},
	})
}

func TestEveryCommandForATicketHandsOnAllItSays(t *testing.T) {
	t.Parallel()
	const of = string(id)
	opened := ticket.Opened{OrderID: of, Items: items, At: noon}
	decides(t, command.ForTickets(), map[string]scenario[ticket.Event]{
		"ticket.open":     {nil, []ticket.Event{opened}},
		"ticket.accept":   {[]ticket.Event{opened}, []ticket.Event{ticket.Accepted{OrderID: of, At: noon}}},
		"ticket.reject":   {[]ticket.Event{opened}, []ticket.Event{ticket.Rejected{OrderID: of, Reason: "no oven", At: noon}}},
		"ticket.withdraw": {nil, []ticket.Event{ticket.Withdrawn{OrderID: of, Reason: "not hungry", At: noon}}},
	})
}

// A command that somebody sends with words or numbers of their own can be wrong in
// itself, and says so before it is sent.
func TestCommandsCheckWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	wrong := map[string]command.Checked{
		"order.create":                  command.CreateOrder{Order: id},
		"order.update_cart":             command.UpdateCart{Order: id},
		"order.change_delivery_address": command.ChangeDeliveryAddress{Order: id},
		"order.complete":                command.CompleteOrder{Order: id, DeliveredAt: noon.AddDate(10_000, 0, 0)},
		"order.cancel":                  command.CancelOrder{Order: id},
		"payment.refund":                command.Refund{Payment: paymentID, Refund: "refund-1"},
		"payment.settle_refund":         command.SettleRefund{Payment: paymentID, Refund: "refund-1"},
		"ticket.reject":                 command.RejectTicket{Ticket: ticketID},
	}
	for _, c := range written {
		checked, ok := c.(command.Checked)
		if _, want := wrong[c.CommandType()]; ok != want {
			t.Errorf("%T checks itself: %t, want %t", c, ok, want)
			continue
		}
		if !ok {
			continue
		}
		if err := checked.Check(); err != nil {
			t.Errorf("%T finds %v wrong with what is right", c, err)
		}
		if err := wrong[c.CommandType()].Check(); err == nil {
			t.Errorf("%T finds nothing wrong with what is", c)
		} else if _, ok := errors.AsType[es.Rejection](err); !ok {
			t.Errorf("%T says %T %v, want a rejection", c, err, err)
		}
	}
	if err := (command.CompleteOrder{Order: id}).Check(); err != nil {
		t.Errorf("a delivery of just now is wrong: %v", err)
	}
}
