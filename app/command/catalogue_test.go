package command_test

import (
	"bytes"
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es/estest"
)

var update = flag.Bool("update", false, "add the golden files that are missing")

// The ids of the order, its payment and its ticket, which has the order's id.
const (
	id        order.ID   = "019564f0-5f00-7000-8000-000000000001"
	paymentID payment.ID = "019564f0-5f00-7000-8000-000000000002"
	ticketID             = ticket.ID(id)
)

var (
	noon  = time.Date(2025, 3, 1, 12, 0, 0, 123_456_000, time.UTC)
	total = money.Money{Amount: 1900, Currency: "EUR"}
	part  = money.Money{Amount: 400, Currency: "EUR"}
	home  = order.Address{Name: "Ann", Line1: "Dam 1", Line2: "2nd floor", PostalCode: "1012 JS", City: "Amsterdam", Country: "NL"}
	cart  = order.Cart{{
		ProductID: "p-1", Title: "Margherita", Description: "tomato & <mozzarella>", Quantity: 2,
		UnitPrice: money.Money{Amount: 950, Currency: "EUR"},
	}}
	items = []ticket.Item{{ProductID: "p-1", Title: "Margherita", Quantity: 2}}
)

// written says what each golden file stands for. The values use every field.
var written = map[string]command.Command{
	"order.create.v1": command.CreateOrder{
		Order: id, Draft: order.Draft{CustomerID: "c-42", Email: "ann@example.com", Cart: cart, DeliveryAddress: home},
	},
	"order.update_cart.v1":             command.UpdateCart{Order: id, Cart: cart},
	"order.change_delivery_address.v1": command.ChangeDeliveryAddress{Order: id, DeliveryAddress: home},
	"order.pay.v1":                     command.PayOrder{Order: id, Payment: "pay-1", Method: "tok_ok"},
	"order.submit.v1":                  command.SubmitOrder{Order: id, Payment: "pay-1", Method: "tok_ok"},
	"order.confirm_payment.v1":         command.ConfirmPayment{Order: id, Payment: "pay-1"},
	"order.decline_payment.v1":         command.DeclinePayment{Order: id, Payment: "pay-1", Reason: "no funds"},
	"order.approve.v1":                 command.ApproveOrder{Order: id},
	"order.reject.v1":                  command.RejectOrder{Order: id, Reason: "no oven"},
	"order.ship.v1":                    command.ShipOrder{Order: id, Carrier: "bike", TrackingNumber: "t-7"},
	"order.complete.v1":                command.CompleteOrder{Order: id, DeliveredAt: noon},
	"order.cancel.v1":                  command.CancelOrder{Order: id, Reason: "not hungry"},
	"order.refund.v1":                  command.RefundOrder{Order: id, Payment: "pay-1"},

	"payment.debit.v1": command.Debit{
		Payment: paymentID, Order: string(id), Method: "tok_ok", Amount: total,
	},
	"payment.call_off.v1": command.CallOffPayment{
		Payment: paymentID, Order: string(id), Method: "tok_ok", Amount: total, Reason: "payment_timed_out",
	},
	"payment.confirm_debit.v1": command.ConfirmDebit{Payment: paymentID, Reference: "ch-1"},
	"payment.decline_debit.v1": command.DeclineDebit{Payment: paymentID, Reason: "card_declined"},
	"payment.refund.v1": command.Refund{
		Payment: paymentID, Refund: "refund-1", Amount: part, Reason: "no oven",
	},
	"payment.confirm_refund.v1": command.ConfirmRefund{Payment: paymentID, Refund: "refund-1", Reference: "re-1"},
	"payment.refuse_refund.v1":  command.RefuseRefund{Payment: paymentID, Refund: "refund-1", Reason: "account_closed"},
	"payment.settle_refund.v1":  command.SettleRefund{Payment: paymentID, Refund: "refund-1", Reference: "transfer-1"},

	"ticket.open.v1":     command.OpenTicket{Ticket: ticketID, Order: string(id), Items: items},
	"ticket.accept.v1":   command.AcceptTicket{Ticket: ticketID},
	"ticket.reject.v1":   command.RejectTicket{Ticket: ticketID, Reason: "no oven"},
	"ticket.withdraw.v1": command.WithdrawTicket{Ticket: ticketID, Order: string(id), Reason: "not hungry"},
}

func newCodec(t testing.TB) *command.Codec {
	t.Helper()
	codec, err := command.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

func TestEveryCommandEverJournaledStillDecodes(t *testing.T) {
	t.Parallel()
	estest.Golden[command.Command]{
		Dir: "testdata/commands", Codec: newCodec(t), Catalogue: command.Catalogue(), Values: written, Add: *update,
	}.Test(t)
}

// What is optional is not written when it is not there, so that a command looks
// the same before and after the field was invented.
func TestCommandsLeaveOutWhatIsNotThere(t *testing.T) {
	t.Parallel()
	const (
		onlyOrder = `{"order_id":"` + string(id) + `"}`
		noAmount  = `{"payment_id":"` + string(paymentID) + `","refund_id":"refund-1","reason":"no oven"}`
	)
	for _, test := range []struct {
		command command.Command
		want    string
	}{
		{command.SubmitOrder{Order: id}, onlyOrder},
		{command.ShipOrder{Order: id}, onlyOrder},
		{command.CompleteOrder{Order: id}, onlyOrder},
		{command.Refund{Payment: paymentID, Refund: "refund-1", Reason: "no oven"}, noAmount},
	} {
		if sealed, err := command.Seal(newCodec(t), test.command); err != nil || string(sealed.Payload) != test.want {
			t.Errorf("%s is written as %s (%v), want %s", test.command.CommandType(), sealed.Payload, err, test.want)
		}
	}
}

func TestCatalogueListsEveryCommand(t *testing.T) {
	t.Parallel()
	if got, want := estest.TypeNames(command.Catalogue()), estest.TypesWith(t, ".", "CommandType"); !slices.Equal(got, want) {
		t.Errorf("the catalogue lists\n\t%v\nand the source has\n\t%v", got, want)
	}
}

// Whoever routes commands asks these lists for the names, so a command that is
// missing from its list would have nobody to carry it out.
func TestEachKindOfAggregateListsAllItsCommands(t *testing.T) {
	t.Parallel()
	for category, listed := range map[string][]string{
		command.Category: namesOf(command.ForOrders()),
		payment.Category: namesOf(command.ForPayments()),
		ticket.Category:  namesOf(command.ForTickets()),
	} {
		var want []string
		for _, c := range written {
			if strings.HasPrefix(c.CommandType(), category+".") {
				want = append(want, c.CommandType())
			}
		}
		slices.Sort(want)
		if !slices.Equal(listed, want) {
			t.Errorf("listed for %s are\n\t%v\nwant\n\t%v", category, listed, want)
		}
	}
}

// namesOf returns the wire names of some commands, sorted.
func namesOf[C command.Command](commands []C) []string {
	var names []string
	for _, c := range commands {
		names = append(names, c.CommandType())
	}
	slices.Sort(names)
	return names
}

func TestCommandsAreNamedAfterWhatTheyAimAt(t *testing.T) {
	t.Parallel()
	targets := map[string]string{
		command.Category: string(id), payment.Category: string(paymentID), ticket.Category: string(ticketID),
	}
	for file, c := range written {
		if file != c.CommandType()+".v1" {
			t.Errorf("%T is called %q, want %q", c, c.CommandType(), strings.TrimSuffix(file, ".v1"))
		}
		category, _, _ := strings.Cut(c.CommandType(), ".")
		if want, ok := targets[category]; !ok || c.Target() != want {
			t.Errorf("%T aims at %q, want the id of its %s, %q", c, c.Target(), category, want)
		}
	}
}

// FuzzCodec wants that no bytes under the name of a command do harm, and that
// what can be read stays the same when it is written and read again.
func FuzzCodec(f *testing.F) {
	codec := newCodec(f)
	for _, c := range written {
		name, _, data, err := codec.Encode(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, []byte(data))
	}
	for _, data := range []string{``, `null`, `[]`, `{"delivered_at":null}`, `{"delivered_at":"0001-01-01T01:00:00+01:00"}`} {
		f.Add("order.complete", []byte(data))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		read, err := codec.Decode(name, 1, data)
		if err != nil {
			return
		}
		name, schema, first, err := codec.Encode(read)
		if err != nil {
			t.Fatalf("encode %+v: %v", read, err)
		}
		again, err := codec.Decode(name, schema, first)
		if err != nil {
			t.Fatalf("decode %s: %v", first, err)
		}
		// A zero time in another zone is written as none at all, so the values
		// are compared in the form they are kept in.
		if _, _, second, err := codec.Encode(again); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s was written as\n\t%s\nand then as\n\t%s (%v)", data, first, second, err)
		}
	})
}
