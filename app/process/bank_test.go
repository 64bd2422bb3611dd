package process_test

import (
	"context"
	"errors"

	"pgregory.net/rapid"

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/money"
)

// bank is a gateway whose requests and answers may get lost.
type bank struct {
	t              *rapid.T
	healthy        bool
	charged        map[string]money.Money
	refusedCharges map[string]bool
	refunds        map[string]bankRefund
	grudges        int // how many of the next refunds it refuses
}

// bankRefund is what the bank was asked to give back, and its answer for good.
type bankRefund struct {
	process.Refund
	refused string // why, if it was
}

func newBank(t *rapid.T) *bank {
	return &bank{t: t, charged: map[string]money.Money{}, refusedCharges: map[string]bool{}, refunds: map[string]bankRefund{},
		grudges: rapid.IntRange(0, 3).Draw(t, "refunds that are refused")}
}

var errLost = errors.New("no answer")

func (b *bank) lost(what string) bool {
	return !b.healthy && rapid.Bool().Draw(b.t, what)
}

func (b *bank) Charge(_ context.Context, c process.Charge) (string, error) {
	if b.lost("the charge gets lost") {
		return "", errLost
	}
	if _, known := b.charged[c.Key]; !known && !b.refusedCharges[c.Key] {
		if !b.healthy && rapid.IntRange(0, 4).Draw(b.t, "declined at 0") == 0 {
			b.refusedCharges[c.Key] = true
		} else {
			b.charged[c.Key] = c.Amount
		}
	}
	if b.lost("the answer to the charge gets lost") {
		return "", errLost
	}
	return b.FindCharge(context.Background(), c.Key)
}

func (b *bank) Refund(_ context.Context, r process.Refund) (string, error) {
	if b.lost("the refund gets lost") {
		return "", errLost
	}
	if _, known := b.refunds[r.Key]; !known {
		no := b.objection(r)
		if no != "" {
			b.t.Errorf("the bank is asked for the refund %+v, and refuses: %s", r, no)
		} else if b.grudges > 0 {
			b.grudges--
			no = "account_closed"
		}
		b.refunds[r.Key] = bankRefund{r, no}
	}
	if b.lost("the answer to the refund gets lost") {
		return "", errLost
	}
	return b.FindRefund(context.Background(), r.Key)
}

// objection tells why the bank refuses a refund, as a real one does, or "".
func (b *bank) objection(r process.Refund) string {
	charged, known := b.charged[r.Charge]
	left := charged.Amount
	for _, other := range b.refunds {
		if other.Charge == r.Charge && other.refused == "" {
			left -= other.Amount.Amount
		}
	}
	switch {
	case !known:
		return "charge_unknown"
	case r.Amount.Currency != charged.Currency:
		return "wrong_currency"
	case r.Amount.Amount > left:
		return "refund_too_large"
	}
	return ""
}

func (b *bank) FindCharge(_ context.Context, key string) (string, error) {
	switch _, charged := b.charged[key]; {
	case b.lost("the look at the charge gets lost"):
		return "", errLost
	case charged:
		return "ch", nil
	case b.refusedCharges[key]:
		return "", process.Declined{Reason: "card_declined"}
	}
	return "", process.ErrNeverAsked
}

func (b *bank) FindRefund(_ context.Context, key string) (string, error) {
	if b.lost("the look at the refund gets lost") {
		return "", errLost
	}
	switch r, known := b.refunds[key]; {
	case !known:
		return "", process.ErrNeverAsked
	case r.refused != "":
		return "", process.Declined{Reason: r.refused}
	}
	return "re", nil
}

// kept is what the bank has in the end, in minor units.
func (b *bank) kept() (kept int64) {
	for _, m := range b.charged {
		kept += m.Amount
	}
	for _, r := range b.refunds {
		if r.refused == "" {
			kept -= r.Amount.Amount
		}
	}
	return kept
}
