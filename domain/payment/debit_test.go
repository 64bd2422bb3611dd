package payment_test

import (
	"testing"

	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/rule"
)

func debit(order, method string, amount money.Money) decision {
	return func(p payment.Payment) ([]payment.Event, error) { return p.Debit("p-1", order, method, amount, later) }
}

func callOff(order, method string, amount money.Money) decision {
	return func(p payment.Payment) ([]payment.Event, error) {
		return p.CallOff("p-1", order, method, amount, "payment_timed_out", later)
	}
}

func confirmDebit() decision {
	return func(p payment.Payment) ([]payment.Event, error) { return p.ConfirmDebit("ch-1", later) }
}

func declineDebit() decision {
	return func(p payment.Payment) ([]payment.Event, error) { return p.DeclineDebit("card_declined", later) }
}

func TestDebit(t *testing.T) {
	t.Parallel()
	for name, amount := range map[string]money.Money{
		"an amount": ten, "nothing for a free order": free, "the most": euros(money.Max),
	} {
		t.Run("asks for "+name, func(t *testing.T) {
			t.Parallel()
			given(t).When(debit("o-1", "tok_ok", amount)).
				Then(payment.DebitRequested{PaymentID: "p-1", OrderID: "o-1", Method: "tok_ok", Amount: amount, At: later})
		})
	}
	repetitions(t, debit("o-1", "tok_ok", ten), map[string][]payment.Event{
		"while it is under way": happened(requested),
		"once debited":          happened(requested, debited),
		"once declined":         happened(requested, declined),
		"once given back":       happened(requested, debited, asked("r-1", ten), givenBack("r-1", ten)),
	})
	refusals(t, debit("o-1", "tok_ok", ten), []refusal{{"once called off", happened(calledOff), payment.ErrCalledOff}})
	refusals(t, debit("o-2", "tok_ok", ten), []refusal{
		{"for another order", happened(requested), payment.ErrExists},
		{"for another order once called off", happened(calledOff), payment.ErrExists},
	})
	refusals(t, debit("o-1", "tok_slow", ten), []refusal{
		{"by another method", happened(requested), payment.ErrExists},
		{"by another method once declined", happened(requested, declined), payment.ErrExists},
	})
	refusals(t, debit("o-1", "tok_ok", four), []refusal{{"for another amount", happened(requested), payment.ErrExists}})
	refusals(t, debit("o-1", "tok_ok", money.Money{Amount: 1000, Currency: "USD"}), []refusal{
		{"for the amount in another currency", happened(requested, debited), payment.ErrExists},
	})
}

func TestPaymentsAreAboutMoneyOnly(t *testing.T) {
	t.Parallel()
	const amounts, currencies = "must be from 0 to 9007199254740991", "must be an ISO 4217 currency code"
	for _, test := range []struct {
		amount          money.Money
		pointer, detail string
	}{
		{euros(-1), "/amount/amount", amounts},
		{euros(money.Max + 1), "/amount/amount", amounts},
		{money.Money{Amount: 1000}, "/amount/currency", currencies},
		{money.Money{}, "/amount/currency", currencies},
		{money.Money{Amount: 1000, Currency: "XXX"}, "/amount/currency", currencies},
	} {
		for _, decide := range []decision{debit("o-1", "tok_ok", test.amount), callOff("o-1", "tok_ok", test.amount)} {
			given(t).When(decide).ThenRejected(rule.Wrong("invalid_request", test.pointer, test.detail))
		}
	}
}

func TestCallOff(t *testing.T) {
	t.Parallel()
	for name, amount := range map[string]money.Money{"an amount": ten, "nothing for a free order": free} {
		t.Run("keeps anybody from asking for "+name, func(t *testing.T) {
			t.Parallel()
			given(t).When(callOff("o-1", "tok_ok", amount)).Then(payment.CalledOff{
				PaymentID: "p-1", OrderID: "o-1", Method: "tok_ok", Amount: amount, Reason: "payment_timed_out", At: later,
			})
		})
	}
	repetitions(t, callOff("o-1", "tok_ok", ten), map[string][]payment.Event{
		"while the gateway is asked": happened(requested),
		"once debited":               happened(requested, debited),
		"once declined":              happened(requested, declined),
		"once called off":            happened(calledOff),
		"once given back":            happened(requested, debited, asked("r-1", ten), givenBack("r-1", ten)),
	})
	refusals(t, callOff("o-2", "tok_ok", ten), []refusal{
		{"for another order", happened(requested), payment.ErrExists},
		{"for another order once called off", happened(calledOff), payment.ErrExists},
	})
	refusals(t, callOff("o-1", "tok_slow", ten), []refusal{{"by another method", happened(requested), payment.ErrExists}})
	refusals(t, callOff("o-1", "tok_ok", four), []refusal{{"for another amount", happened(calledOff), payment.ErrExists}})
}

func TestConfirmDebit(t *testing.T) {
	t.Parallel()
	for _, request := range []payment.DebitRequested{requested, freeRequested} {
		given(t, request).When(confirmDebit()).
			Then(payment.Debited{PaymentID: "p-1", OrderID: "o-1", Amount: request.Amount, Reference: "ch-1", At: later})
	}
	repetitions(t, confirmDebit(), map[string][]payment.Event{
		"once debited":                  happened(requested, debited),
		"once debited for a free order": happened(freeRequested, freeDebited),
		"once given back":               happened(requested, debited, asked("r-1", ten), givenBack("r-1", ten)),
	})
	refusals(t, confirmDebit(), []refusal{
		{"without a payment", nil, payment.ErrNotFound},
		{"once declined", happened(requested, declined), payment.ErrAnswered},
		{"once called off", happened(calledOff), payment.ErrAnswered},
	})
}

func TestDeclineDebit(t *testing.T) {
	t.Parallel()
	given(t, requested).When(declineDebit()).
		Then(payment.Declined{PaymentID: "p-1", OrderID: "o-1", Reason: "card_declined", At: later})
	repetitions(t, declineDebit(), map[string][]payment.Event{
		"once declined":   happened(requested, declined),
		"once called off": happened(calledOff),
	})
	refusals(t, declineDebit(), []refusal{
		{"without a payment", nil, payment.ErrNotFound},
		{"once debited", happened(requested, debited), payment.ErrAnswered},
		{"once given back", happened(requested, debited, asked("r-1", ten), givenBack("r-1", ten)), payment.ErrAnswered},
	})
}
