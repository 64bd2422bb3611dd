package process_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// operator lets somebody give back money by hand, through the bank or past it, or have
// the checkout try again.
func (w *world) operator() {
	if w.payments == 0 || rapid.Bool().Draw(w.t, "the operator helps") {
		w.help()
		return
	}
	w.byHand++
	amount := rapid.SampledFrom([]money.Money{{}, one, nine}).Draw(w.t, "by hand")
	w.do(command.Refund{
		Payment: payment.ID(paymentStream(rapid.IntRange(0, w.payments-1).Draw(w.t, "which payment")).ID()),
		Refund:  fmt.Sprint("by-hand-", w.byHand), Amount: amount, Reason: "late",
	})
}

// help settles a refund that was refused, or has the checkout try again.
func (w *world) help() {
	if !w.transfer() {
		react(w, w.checkout, es.Retried{At: w.now})
	}
}

// transfer gives the money of a refund that was refused back by other means, if the
// operator likes to and the payment takes it.
func (w *world) transfer() bool {
	var refused []payment.RefundRefused
	for n := range w.payments {
		for _, e := range w.streams[paymentStream(n)] {
			if e, ok := e.(payment.RefundRefused); ok {
				refused = append(refused, e)
			}
		}
	}
	if len(refused) == 0 || !rapid.Bool().Draw(w.t, "the operator settles") {
		return false
	}
	r := rapid.SampledFrom(refused).Draw(w.t, "which refund")
	stream := es.StreamOf("payment", string(r.PaymentID))
	before := len(w.streams[stream])
	w.do(command.SettleRefund{Payment: r.PaymentID, Refund: r.RefundID, Reference: "transfer"})
	for _, e := range w.streams[stream][before:] {
		w.transferred += e.(payment.Refunded).Amount.Amount
	}
	return len(w.streams[stream]) > before
}

// givenByHand is what operators have given back of the payment that counts.
func (w *world) givenByHand() (given int64) {
	counts := ""
	for _, e := range w.streams["order-7"] {
		if e, ok := e.(order.Paid); ok {
			counts = e.PaymentID
		}
	}
	for _, e := range w.streams[es.StreamOf("payment", counts)] {
		if e, ok := e.(payment.Refunded); ok && strings.HasPrefix(e.RefundID, "by-hand") {
			given += e.Amount.Amount
		}
	}
	return given
}
