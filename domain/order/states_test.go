package order_test

import (
	"testing"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es/estest"
)

// matrix says what every order answers to every command: the events that follow,
// after an arrow, or the code of the rejection. It is in four parts to fit on a
// screen; each of them has all the situations.
var matrix = []string{`
situation            create        update-cart      change-address             cancel
none                 →created      order_not_found  order_not_found            order_not_found
draft                order_exists  →cart_updated    →delivery_address_changed  →canceled
draft-requested      order_exists  cart_frozen      →delivery_address_changed  →canceled
draft-paid           order_exists  cart_frozen      →delivery_address_changed  →canceled
draft-failed         order_exists  cart_frozen      →delivery_address_changed  →canceled
submitted-unpaid     order_exists  cart_frozen      →delivery_address_changed  →canceled
submitted-requested  order_exists  cart_frozen      →delivery_address_changed  →canceled
submitted-failed     order_exists  cart_frozen      →delivery_address_changed  →canceled
submitted-paid       order_exists  cart_frozen      →delivery_address_changed  →canceled
approved             order_exists  cart_frozen      →delivery_address_changed  →canceled
rejected-paid        order_exists  order_rejected   order_rejected             order_rejected
rejected-refunded    order_exists  order_rejected   order_rejected             order_rejected
shipped              order_exists  cart_frozen      already_shipped            already_shipped
completed            order_exists  order_completed  order_completed            order_completed
canceled-unpaid      order_exists  order_canceled   order_canceled             order_canceled
canceled-requested   order_exists  order_canceled   order_canceled             order_canceled
canceled-failed      order_exists  order_canceled   order_canceled             order_canceled
canceled-paid        order_exists  order_canceled   order_canceled             order_canceled
canceled-refunded    order_exists  order_canceled   order_canceled             order_canceled
`, `
situation            pay                 submit             submit-and-pay
none                 order_not_found     order_not_found    order_not_found
draft                →payment_requested  →submitted         →submitted+payment_requested
draft-requested      payment_pending     →submitted         payment_pending
draft-paid           already_paid        →submitted         already_paid
draft-failed         →payment_requested  →submitted         →submitted+payment_requested
submitted-unpaid     →payment_requested  already_submitted  already_submitted
submitted-requested  payment_pending     already_submitted  already_submitted
submitted-failed     →payment_requested  already_submitted  already_submitted
submitted-paid       already_paid        already_submitted  already_submitted
approved             already_paid        already_submitted  already_submitted
rejected-paid        order_rejected      order_rejected     order_rejected
rejected-refunded    order_rejected      order_rejected     order_rejected
shipped              already_shipped     already_shipped    already_shipped
completed            order_completed     order_completed    order_completed
canceled-unpaid      order_canceled      order_canceled     order_canceled
canceled-requested   order_canceled      order_canceled     order_canceled
canceled-failed      order_canceled      order_canceled     order_canceled
canceled-paid        order_canceled      order_canceled     order_canceled
canceled-refunded    order_canceled      order_canceled     order_canceled
`, `
situation            confirm-payment  decline-payment  approve           reject
none                 order_not_found  order_not_found  order_not_found   order_not_found
draft                payment_unknown  payment_unknown  not_submitted     not_submitted
draft-requested      →paid            →payment_failed  not_submitted     not_submitted
draft-paid           payment_unknown  payment_unknown  not_submitted     not_submitted
draft-failed         payment_unknown  payment_unknown  not_submitted     not_submitted
submitted-unpaid     payment_unknown  payment_unknown  not_paid          not_paid
submitted-requested  →paid            →payment_failed  not_paid          not_paid
submitted-failed     payment_unknown  payment_unknown  not_paid          not_paid
submitted-paid       payment_unknown  payment_unknown  →approved         →rejected
approved             payment_unknown  payment_unknown  already_approved  already_approved
rejected-paid        payment_unknown  payment_unknown  order_rejected    order_rejected
rejected-refunded    payment_unknown  payment_unknown  order_rejected    order_rejected
shipped              payment_unknown  payment_unknown  already_shipped   already_shipped
completed            payment_unknown  payment_unknown  order_completed   order_completed
canceled-unpaid      payment_unknown  payment_unknown  order_canceled    order_canceled
canceled-requested   →paid            →payment_failed  order_canceled    order_canceled
canceled-failed      payment_unknown  payment_unknown  order_canceled    order_canceled
canceled-paid        payment_unknown  payment_unknown  order_canceled    order_canceled
canceled-refunded    payment_unknown  payment_unknown  order_canceled    order_canceled
`, `
situation            refund             ship             complete
none                 order_not_found    order_not_found  order_not_found
draft                nothing_to_refund  not_approved     not_shipped
draft-requested      nothing_to_refund  not_approved     not_shipped
draft-paid           nothing_to_refund  not_approved     not_shipped
draft-failed         nothing_to_refund  not_approved     not_shipped
submitted-unpaid     nothing_to_refund  not_approved     not_shipped
submitted-requested  nothing_to_refund  not_approved     not_shipped
submitted-failed     nothing_to_refund  not_approved     not_shipped
submitted-paid       nothing_to_refund  not_approved     not_shipped
approved             nothing_to_refund  →shipped         not_shipped
rejected-paid        →refunded          order_rejected   order_rejected
rejected-refunded    nothing_to_refund  order_rejected   order_rejected
shipped              nothing_to_refund  already_shipped  →completed
completed            nothing_to_refund  order_completed  order_completed
canceled-unpaid      nothing_to_refund  order_canceled   order_canceled
canceled-requested   nothing_to_refund  order_canceled   order_canceled
canceled-failed      nothing_to_refund  order_canceled   order_canceled
canceled-paid        →refunded          order_canceled   order_canceled
canceled-refunded    nothing_to_refund  order_canceled   order_canceled
`}

// situations are the lives that lead to each row of the matrix.
var situations = map[string][][]order.Event{
	"none":                {nil},
	"draft":               {{created}, {created, order.CartUpdated{Cart: onePizza, Total: ten}}},
	"draft-requested":     {{created, requested}, {created, requested, failed, requested}},
	"draft-paid":          {{created, requested, paid}},
	"draft-failed":        {{created, requested, failed}},
	"submitted-unpaid":    {{created, submitted}},
	"submitted-requested": {{created, submitted, requested}, {created, requested, submitted}},
	"submitted-failed":    {{created, submitted, requested, failed}, {created, requested, failed, submitted}},
	"submitted-paid":      {{created, submitted, requested, paid}, {created, requested, paid, submitted}},
	"approved":            {{created, submitted, requested, paid, approved}},
	"rejected-paid":       {{created, submitted, requested, paid, rejected}},
	"rejected-refunded":   {{created, submitted, requested, paid, rejected, refunded}},
	"shipped":             {{created, submitted, requested, paid, approved, shipped}},
	"completed":           {{created, submitted, requested, paid, approved, shipped, completed}},
	"canceled-unpaid":     {{created, canceled}, {created, submitted, canceled}},
	"canceled-requested":  {{created, requested, canceled}, {created, submitted, requested, canceled}},
	"canceled-failed":     {{created, requested, failed, canceled}, {created, requested, canceled, failed}},
	"canceled-paid": {
		{created, requested, paid, canceled}, {created, requested, canceled, paid},
		{created, submitted, requested, paid, approved, canceled},
	},
	"canceled-refunded": {{created, requested, paid, canceled, refunded}},
}

// commands are the columns of the matrix.
var commands = map[string]decision{
	"create":          create(draft),
	"update-cart":     updateCart(onePizza),
	"change-address":  changeAddress(home),
	"pay":             pay("pay-1", "tok_ok"),
	"submit":          submit("", ""),
	"submit-and-pay":  submit("pay-1", "tok_ok"),
	"confirm-payment": confirm("pay-1"),
	"decline-payment": decline("pay-1", "no funds"),
	"approve":         approve(),
	"reject":          reject("no oven"),
	"ship":            ship("", ""),
	"complete":        complete(noon),
	"cancel":          cancel("not hungry"),
	"refund":          refund("pay-1"),
}

// Submit stands in two columns, with and without a way to pay.
func TestEverySituationAnswersEveryCommandAsTheMatrixSays(t *testing.T) {
	t.Parallel()
	estest.Matrix[order.Order, order.Event]{Table: matrix, Situations: situations, Commands: commands, Spare: 1}.Test(t)
}
