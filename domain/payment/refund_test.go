package payment_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/rule"
)

func refund(id string, amount money.Money) decision {
	return func(p payment.Payment) ([]payment.Event, error) { return p.Refund(id, amount, "no oven", later) }
}

func confirmRefund(id string) decision {
	return func(p payment.Payment) ([]payment.Event, error) { return p.ConfirmRefund(id, "re-1", later) }
}

func refuseRefund(id string) decision {
	return func(p payment.Payment) ([]payment.Event, error) { return p.RefuseRefund(id, "account_closed", later) }
}

func settleRefund(id string) decision { return settleRefundAs(id, "transfer-1") }

func settleRefundAs(id, reference string) decision {
	return func(p payment.Payment) ([]payment.Event, error) { return p.SettleRefund(id, reference, later) }
}

func TestRefund(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		history      []payment.Event
		amount, want money.Money
	}{
		"all of what was taken":                 {happened(requested, debited), all, ten},
		"all of it by its amount":               {happened(requested, debited), ten, ten},
		"a part":                                {happened(requested, debited), four, four},
		"the smallest part":                     {happened(requested, debited), euros(1), euros(1)},
		"what a part under way leaves":          {happened(requested, debited, asked("r-1", four)), all, six},
		"what a part that was given leaves":     {happened(requested, debited, asked("r-1", four), givenBack("r-1", four)), six, six},
		"all of it again once refused":          {happened(requested, debited, asked("r-1", ten), refused("r-1", ten)), all, ten},
		"nothing for a free order":              {happened(freeRequested, freeDebited), all, free},
		"nothing for a free order once refused": {happened(freeRequested, freeDebited, asked("r-1", free), refused("r-1", free)), all, free},
	} {
		t.Run("asks back "+name, func(t *testing.T) {
			t.Parallel()
			given(t, test.history...).When(refund("r-2", test.amount)).
				Then(payment.RefundRequested{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-2", Amount: test.want, Reason: "no oven", At: later})
		})
	}
	refusals(t, refund("r-2", all), []refusal{
		{"without a payment", nil, payment.ErrNotFound},
		{"while the debit is under way", happened(requested), payment.ErrNotDebited},
		{"when nothing was taken", happened(requested, declined), payment.ErrNotDebited},
		{"while all of it is under way", happened(requested, debited, asked("r-1", ten)), payment.ErrNothingLeft},
		{"once all of it was given back", happened(requested, debited, asked("r-1", ten), givenBack("r-1", ten)), payment.ErrNothingLeft},
		{"once both parts were asked back", happened(requested, debited, asked("r-0", six), givenBack("r-0", six), asked("r-1", four)), payment.ErrNothingLeft},
		{"while nothing is under way for a free order", happened(freeRequested, freeDebited, asked("r-1", free)), payment.ErrNothingLeft},
		{"once nothing was given back for a free order", happened(freeRequested, freeDebited, asked("r-1", free), givenBack("r-1", free)), payment.ErrNothingLeft},
	})
	refusals(t, refund("r-2", euros(601)), []refusal{
		{"for a cent more than a part under way leaves", happened(requested, debited, asked("r-1", four)), payment.ErrTooMuch},
		{"for money of a free order", happened(freeRequested, freeDebited), payment.ErrTooMuch},
	})
	refusals(t, refund("r-2", money.Money{Amount: 400, Currency: "USD"}), []refusal{
		{"in another currency", happened(requested, debited), payment.ErrOtherCurrency},
	})
}

func TestRefundAsksForMoneyAndSaysWhy(t *testing.T) {
	t.Parallel()
	const (
		amounts, currencies = "must be from 1 to 9007199254740991", "must be an ISO 4217 currency code"
		blank, tooLong      = "must not be blank", "must have 1 to 500 characters"
	)
	for _, test := range []struct {
		amount          money.Money
		reason          string
		pointer, detail string // or nothing
	}{
		{all, "no oven", "", ""},
		{euros(1), "no oven", "", ""},
		{euros(money.Max), "no oven", "", ""},
		{free, "no oven", "/amount/amount", amounts},
		{euros(-1), "no oven", "/amount/amount", amounts},
		{euros(money.Max + 1), "no oven", "/amount/amount", amounts},
		{money.Money{Amount: 400}, "no oven", "/amount/currency", currencies},
		{all, " ", "/reason", blank},
		{four, strings.Repeat("x", 501), "/reason", tooLong},
	} {
		err := payment.CheckRefund(test.amount, test.reason)
		if test.pointer == "" {
			if err != nil {
				t.Errorf("%v because of %q is %v, want nothing wrong", test.amount, test.reason, err)
			}
			continue
		}
		no := rule.Wrong("invalid_request", test.pointer, test.detail)
		if !reflect.DeepEqual(err, error(no)) {
			t.Errorf("%v because of %.20q is %v, want %v", test.amount, test.reason, err, no)
		}
		for _, history := range [][]payment.Event{nil, {requested, debited}, {freeRequested, freeDebited}} {
			given(t, history...).When(func(p payment.Payment) ([]payment.Event, error) {
				return p.Refund("r-2", test.amount, test.reason, later)
			}).ThenRejected(no)
		}
	}
}

func TestRefundThatWasAskedBefore(t *testing.T) {
	t.Parallel()
	open := happened(requested, debited, asked("r-1", four))
	answered := map[string][]payment.Event{
		"while it is under way":                   open,
		"once it was given":                       append(open[:3:3], givenBack("r-1", four)),
		"once it was refused":                     append(open[:3:3], refused("r-1", four)),
		"once the rest was asked back as another": append(open[:3:3], asked("r-2", six)),
	}
	repetitions(t, refund("r-1", four), answered)
	repetitions(t, refund("r-1", all), answered)
	for when, history := range answered {
		for _, amount := range []money.Money{six, ten, free, euros(-1), {Amount: 400, Currency: "USD"}} {
			refusals(t, refund("r-1", amount), []refusal{{"with another amount " + when, history, payment.ErrRefundExists}})
		}
	}
}

func TestConfirmRefund(t *testing.T) {
	t.Parallel()
	for _, amount := range []money.Money{four, ten} {
		given(t, requested, debited, asked("r-1", amount)).When(confirmRefund("r-1")).
			Then(payment.Refunded{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: amount, Reference: "re-1", At: later})
	}
	given(t, freeRequested, freeDebited, asked("r-1", free)).When(confirmRefund("r-1")).
		Then(payment.Refunded{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: free, Reference: "re-1", At: later})
	given(t, requested, debited, asked("r-1", four), asked("r-2", six)).When(confirmRefund("r-2")).
		Then(payment.Refunded{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-2", Amount: six, Reference: "re-1", At: later})
	repetitions(t, confirmRefund("r-1"), map[string][]payment.Event{
		"once it was given":            happened(requested, debited, asked("r-1", ten), givenBack("r-1", ten)),
		"once it was given for a free": happened(freeRequested, freeDebited, asked("r-1", free), givenBack("r-1", free)),
	})
	refusals(t, confirmRefund("r-1"), append(unanswerable(),
		refusal{"once it was refused", happened(requested, debited, asked("r-1", ten), refused("r-1", ten)), payment.ErrRefundAnswered}))
}

func TestRefuseRefund(t *testing.T) {
	t.Parallel()
	given(t, requested, debited, asked("r-1", four)).When(refuseRefund("r-1")).
		Then(payment.RefundRefused{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: four, Reason: "account_closed", At: later})
	given(t, freeRequested, freeDebited, asked("r-1", free)).When(refuseRefund("r-1")).
		Then(payment.RefundRefused{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: free, Reason: "account_closed", At: later})
	repetitions(t, refuseRefund("r-1"), map[string][]payment.Event{
		"once it was refused":                  happened(requested, debited, asked("r-1", ten), refused("r-1", ten)),
		"once it was asked back under another": happened(requested, debited, asked("r-1", ten), refused("r-1", ten), asked("r-2", ten)),
	})
	refusals(t, refuseRefund("r-1"), append(unanswerable(),
		refusal{"once it was given", happened(requested, debited, asked("r-1", ten), givenBack("r-1", ten)), payment.ErrRefundAnswered}))
}

func TestSettleRefund(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		history []payment.Event
		want    money.Money
	}{
		"all of what was taken":              {happened(requested, debited, asked("r-1", ten), refused("r-1", ten)), ten},
		"a part":                             {happened(requested, debited, asked("r-1", four), refused("r-1", four)), four},
		"a part while the rest is under way": {happened(requested, debited, asked("r-1", four), refused("r-1", four), asked("r-2", six)), four},
		"all of it when others were refused": {happened(requested, debited, asked("r-1", ten), refused("r-1", ten), asked("r-2", ten), refused("r-2", ten)), ten},
		"nothing for a free order":           {happened(freeRequested, freeDebited, asked("r-1", free), refused("r-1", free)), free},
		"what is left once a part was settled": {
			happened(requested, debited, asked("r-0", four), refused("r-0", four), settled("r-0", four), asked("r-1", six), refused("r-1", six)), six,
		},
	} {
		t.Run("records that "+name+" was given back", func(t *testing.T) {
			t.Parallel()
			given(t, test.history...).When(settleRefund("r-1")).
				Then(payment.Refunded{PaymentID: "p-1", OrderID: "o-1", RefundID: "r-1", Amount: test.want, Reference: "transfer-1", At: later})
		})
	}
	whole := happened(requested, debited, asked("r-1", ten))
	over := append(whole[:3:3], refused("r-1", ten), settled("r-1", ten))
	repetitions(t, settleRefund("r-1"), map[string][]payment.Event{
		"once it was settled":                             over,
		"once it was settled and the rest was asked back": happened(requested, debited, asked("r-1", four), refused("r-1", four), settled("r-1", four), asked("r-2", six)),
	})
	repetitions(t, settleRefundAs("r-1", "re-1"), map[string][]payment.Event{"once the gateway says the same": append(whole[:3:3], givenBack("r-1", ten))})
	refusals(t, settleRefund("r-1"), append(unanswerable(),
		refusal{"while the gateway has not answered", whole, payment.ErrRefundOpen},
		refusal{"once the gateway gave it", append(whole[:3:3], givenBack("r-1", ten)), payment.ErrRefundAnswered},
		refusal{"while another one asks for it", append(whole[:3:3], refused("r-1", ten), asked("r-2", ten)), payment.ErrTooMuch},
		refusal{"while another one asks for a cent of it", append(whole[:3:3], refused("r-1", ten), asked("r-2", euros(1))), payment.ErrTooMuch},
		refusal{"once another one gave it", append(whole[:3:3], refused("r-1", ten), asked("r-2", ten), givenBack("r-2", ten)), payment.ErrTooMuch},
		refusal{"once another one was settled", append(whole[:3:3], refused("r-1", ten), asked("r-2", ten), refused("r-2", ten), settled("r-2", ten)), payment.ErrTooMuch},
		refusal{"while another one asks for nothing of a free order",
			happened(freeRequested, freeDebited, asked("r-1", free), refused("r-1", free), asked("r-2", free)), payment.ErrTooMuch},
	))
	refusals(t, settleRefundAs("r-1", "transfer-2"), []refusal{{"with another reference", over, payment.ErrRefundAnswered}})
	// The gateway has answered before the money went another way, and may say so again.
	repetitions(t, refuseRefund("r-1"), map[string][]payment.Event{"once it was refused and settled": over})
	refusals(t, confirmRefund("r-1"), []refusal{{"once it was refused and settled", over, payment.ErrRefundAnswered}})
	refusals(t, refund("r-2", all), []refusal{{"once all of it was settled", over, payment.ErrNothingLeft}})
}

func TestSettleRefundSaysWhereTheMoneyWent(t *testing.T) {
	t.Parallel()
	for reference, detail := range map[string]string{
		"": "must not be blank", " \u3000": "must not be blank", strings.Repeat("é", 201): "must have 1 to 200 characters",
		"x": "", strings.Repeat("é", 200): "",
	} {
		var want error
		if detail != "" {
			want = rule.Wrong("invalid_request", "/reference", detail)
		}
		if err := payment.CheckSettlement(reference); !reflect.DeepEqual(err, want) {
			t.Errorf("%.20q is %v, want %v", reference, err, want)
		}
		if detail == "" {
			continue
		}
		for _, history := range [][]payment.Event{nil, {requested, debited}, {requested, debited, asked("r-1", ten), refused("r-1", ten)}} {
			given(t, history...).When(settleRefundAs("r-1", reference)).ThenRejected(want.(rule.Invalid))
		}
	}
}

// unanswerable are the payments that nobody asked for the refund r-1.
func unanswerable() []refusal {
	return []refusal{
		{"without a payment", nil, payment.ErrNotFound},
		{"while the debit is under way", happened(requested), payment.ErrRefundUnknown},
		{"when nothing was taken", happened(requested, declined), payment.ErrRefundUnknown},
		{"when nothing was asked back", happened(requested, debited), payment.ErrRefundUnknown},
		{"when another refund was asked for", happened(requested, debited, asked("r-2", ten)), payment.ErrRefundUnknown},
	}
}
