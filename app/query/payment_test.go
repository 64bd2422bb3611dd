package query_test

import (
	"reflect"
	"testing"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

var (
	five      = money.Money{Amount: 500, Currency: "EUR"}
	debit     = payment.DebitRequested{OrderID: "7", Method: "tok_ok", Amount: twenty, At: noon}
	requested = query.Payment{
		OrderID: "7", Status: "requested", Amount: twenty, Refunded: money.Money{Currency: "EUR"},
		Method: "tok_ok", CreatedAt: noon, UpdatedAt: noon,
	}
)

var paymentLives = map[string][]step[query.Payment, payment.Event]{
	"a declined payment": {
		{debit, func(v *query.Payment) { *v = requested }},
		{payment.Declined{OrderID: "7", Reason: "no funds", At: minute(1)}, func(v *query.Payment) {
			v.Status, v.DeclineReason, v.UpdatedAt = "declined", "no funds", minute(1)
		}},
	},
	"a payment that is called off": {
		{payment.CalledOff{OrderID: "7", Method: "tok_ok", Amount: twenty, Reason: "payment_timed_out", At: noon}, func(v *query.Payment) {
			*v = requested
			v.Status, v.DeclineReason = "declined", "payment_timed_out"
		}},
	},
	"a payment that is given back by other means": {
		{debit, func(v *query.Payment) { *v = requested }},
		{payment.Debited{OrderID: "7", Amount: twenty, Reference: "ch-1", At: minute(1)}, func(v *query.Payment) {
			v.Status, v.Reference, v.UpdatedAt = "debited", "ch-1", minute(1)
		}},
		{payment.RefundRequested{OrderID: "7", RefundID: "r-1", Amount: twenty, Reason: "cold", At: minute(2)}, func(v *query.Payment) {
			v.Refunds = []query.Refund{{ID: "r-1", Amount: twenty, Status: "requested", Reason: "cold", RequestedAt: minute(2)}}
			v.UpdatedAt = minute(2)
		}},
		{payment.RefundRefused{OrderID: "7", RefundID: "r-1", Amount: twenty, Reason: "account_closed", At: minute(3)}, func(v *query.Payment) {
			v.Refunds[0].Status, v.Refunds[0].RefuseReason, v.Refunds[0].AnsweredAt = "refused", "account_closed", minute(3)
			v.UpdatedAt = minute(3)
		}},
		{payment.Refunded{OrderID: "7", RefundID: "r-1", Amount: twenty, Reference: "transfer-1", At: minute(4)}, func(v *query.Payment) {
			v.Refunds[0].Status, v.Refunds[0].Reference, v.Refunds[0].AnsweredAt = "refunded", "transfer-1", minute(4)
			v.Refunded, v.UpdatedAt = twenty, minute(4)
		}},
	},
	"a payment that is given back": {
		{debit, func(v *query.Payment) { *v = requested }},
		{payment.Debited{OrderID: "7", Amount: twenty, Reference: "ch-1", At: minute(1)}, func(v *query.Payment) {
			v.Status, v.Reference, v.UpdatedAt = "debited", "ch-1", minute(1)
		}},
		{payment.RefundRequested{OrderID: "7", RefundID: "r-1", Amount: five, Reason: "cold", At: minute(2)}, func(v *query.Payment) {
			v.Refunds = []query.Refund{{ID: "r-1", Amount: five, Status: "requested", Reason: "cold", RequestedAt: minute(2)}}
			v.UpdatedAt = minute(2)
		}},
		{payment.RefundRequested{OrderID: "7", RefundID: "r-2", Amount: ten, Reason: "late", At: minute(3)}, func(v *query.Payment) {
			v.Refunds = append(v.Refunds, query.Refund{ID: "r-2", Amount: ten, Status: "requested", Reason: "late", RequestedAt: minute(3)})
			v.UpdatedAt = minute(3)
		}},
		{payment.Refunded{OrderID: "7", RefundID: "r-2", Amount: ten, Reference: "re-2", At: minute(4)}, func(v *query.Payment) {
			v.Refunds[1].Status, v.Refunds[1].Reference, v.Refunds[1].AnsweredAt = "refunded", "re-2", minute(4)
			v.Refunded, v.UpdatedAt = ten, minute(4)
		}},
		{payment.RefundRefused{OrderID: "7", RefundID: "r-1", Amount: five, Reason: "too old", At: minute(5)}, func(v *query.Payment) {
			v.Refunds[0].Status, v.Refunds[0].RefuseReason, v.Refunds[0].AnsweredAt = "refused", "too old", minute(5)
			v.UpdatedAt = minute(5)
		}},
		{payment.RefundRequested{OrderID: "7", RefundID: "r-3", Amount: ten, Reason: "late", At: minute(6)}, func(v *query.Payment) {
			v.Refunds = append(v.Refunds, query.Refund{ID: "r-3", Amount: ten, Status: "requested", Reason: "late", RequestedAt: minute(6)})
			v.UpdatedAt = minute(6)
		}},
		{payment.Refunded{OrderID: "7", RefundID: "r-3", Amount: ten, Reference: "re-3", At: minute(7)}, func(v *query.Payment) {
			v.Refunds[2].Status, v.Refunds[2].Reference, v.Refunds[2].AnsweredAt = "refunded", "re-3", minute(7)
			v.Refunded, v.UpdatedAt = twenty, minute(7)
		}},
	},
}

func TestPaymentViewAfterEachEvent(t *testing.T) {
	t.Parallel()
	wantViews(t, paymentLives, payment.Catalogue())
}

// Earlier views are still in use while the next one is made.
func TestPaymentViewsShareNothingThatChanges(t *testing.T) {
	t.Parallel()
	asked := func(id string) payment.Event { return payment.RefundRequested{RefundID: id, Amount: five, At: noon} }
	fold := func() query.Payment {
		return es.Fold[query.Payment, payment.Event](query.Payment{}, debit, asked("r-1"), asked("r-2"), asked("r-3"))
	}
	before := fold()
	before.Evolve(payment.Refunded{RefundID: "r-1", Amount: five, At: minute(1)})
	other := before.Evolve(asked("r-4"))
	before.Evolve(asked("r-5"))
	if want := fold(); !reflect.DeepEqual(before, want) || other.Refunds[3].ID != "r-4" {
		t.Errorf("the earlier view is now\n\t%+v\nwant\n\t%+v\nand the one after it has\n\t%+v", before, want, other.Refunds)
	}
}
