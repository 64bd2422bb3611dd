package process_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/order"
)

const (
	charged  = "charge pay-1 tok_ok 1000 EUR"
	returned = "refund pay-1 1000 EUR"
)

func TestPaymentsMoveMoneyAsTheOrderAsks(t *testing.T) {
	t.Parallel()
	var (
		confirm = command.ConfirmPayment{Order: "7", Payment: "pay-1"}
		decline = command.DeclinePayment{Order: "7", Payment: "pay-1", Reason: "no funds"}
		refund  = command.RefundOrder{Order: "7", Payment: "pay-1"}
	)
	for name, test := range map[string]struct {
		till   till
		events []order.Event
		asked  []string
		want   []command.Command
	}{
		"nothing is asked for": {
			events: []order.Event{created, submitted},
		},
		"a charge that is taken": {
			events: []order.Event{created, requested}, asked: []string{charged}, want: []command.Command{confirm},
		},
		"a charge that is declined": {
			till:   till{charge: fmt.Errorf("charge: %w", process.Refused{Reason: "no funds"})},
			events: []order.Event{created, requested, failed}, asked: []string{charged}, want: []command.Command{decline},
		},
		"a refund when canceled after paid": {
			events: []order.Event{created, requested, paid, canceled, refunded}, asked: []string{charged, returned},
			want: []command.Command{confirm, refund},
		},
		"a refund when paid after canceled": {
			events: []order.Event{created, requested, canceled, paid, refunded}, asked: []string{charged, returned},
			want: []command.Command{confirm, refund},
		},
		"a refund when rejected": {
			events: []order.Event{created, submitted, requested, paid, rejected, refunded}, asked: []string{charged, returned},
			want: []command.Command{confirm, refund},
		},
		"no refund when nothing was asked for": {
			events: []order.Event{created, submitted, canceled},
		},
		"no refund while nothing was taken": {
			events: []order.Event{created, requested, canceled}, asked: []string{charged}, want: []command.Command{confirm},
		},
		"no refund when the charge was declined": {
			till:   till{charge: process.Refused{Reason: "no funds"}},
			events: []order.Event{created, requested, canceled, failed}, asked: []string{charged}, want: []command.Command{decline},
		},
		"no refund for an order that goes on": {
			events: []order.Event{created, submitted, requested, paid, approved, order.Shipped{}, order.Completed{}},
			asked:  []string{charged}, want: []command.Command{confirm},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := test.till
			given(t, process.PaymentsReactions(newCodec(t), &gateway), test.events...).then(test.want...)
			gateway.wantAsked(t, test.asked...)
		})
	}
}

func TestPaymentsRefundTheAttemptThatWasTaken(t *testing.T) {
	t.Parallel()
	second := order.PaymentRequested{PaymentID: "pay-2", Method: "tok_ok", Amount: ten, At: noon}
	gateway := &till{}
	given(t, process.PaymentsReactions(newCodec(t), gateway),
		created, requested, failed, second, order.Paid{PaymentID: "pay-2", Amount: ten, At: noon}, canceled,
	).then(
		command.ConfirmPayment{Order: "7", Payment: "pay-1"},
		command.ConfirmPayment{Order: "7", Payment: "pay-2"},
		command.RefundOrder{Order: "7", Payment: "pay-2"},
	)
	gateway.wantAsked(t, charged, "charge pay-2 tok_ok 1000 EUR", "refund pay-2 1000 EUR")
}

// An error leaves open what happened at the gateway, so nothing is claimed and
// the event is seen again.
func TestPaymentsClaimNothingWhenTheGatewayIsUnclear(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		till   till
		events []order.Event
		sent   int
	}{
		"about a charge": {till{charge: errBroken}, []order.Event{created, requested}, 0},
		"about a refund": {till{refund: errBroken}, []order.Event{created, requested, paid, canceled}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := test.till
			s := given(t, process.PaymentsReactions(newCodec(t), &gateway), test.events...)
			s.thenFails(errBroken)
			if len(s.sent) != test.sent {
				t.Errorf("sent %d commands, want %d", len(s.sent), test.sent)
			}
		})
	}
}
