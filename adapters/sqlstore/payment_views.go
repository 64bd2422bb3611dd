package sqlstore

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/internal/es"
)

// PaymentViews keeps the view of payments. It implements es.States and query.Payments.
type PaymentViews struct{ Store *Store }

var paymentView = newView(view[query.Payment, query.PaymentRow]{
	viewTable: viewTable{name: "payment_views", columns: []string{"order_id", "created_at"}},
	values: func(p query.Payment) viewSave {
		return viewSave{values: []any{string(p.OrderID), p.CreatedAt.UnixMicro()}}
	},
	row: func(id string, version es.Version, p query.Payment) query.PaymentRow {
		return query.PaymentRow{ID: payment.ID(id), Version: version, Payment: p}
	},
	none: query.ErrNoPayment,
})

// Load implements es.States.
func (v PaymentViews) Load(ctx context.Context, ids []string) (map[string]es.Seen[query.Payment], error) {
	return paymentView.load(ctx, v.Store, ids)
}

// Save implements es.States.
func (v PaymentViews) Save(ctx context.Context, steps []es.Step[query.Payment]) []error {
	return paymentView.save(ctx, v.Store, steps)
}

// Payment implements query.Payments.
func (v PaymentViews) Payment(ctx context.Context, id payment.ID) (query.PaymentRow, error) {
	return paymentView.one(ctx, v.Store, string(id))
}

// List implements query.Payments.
func (v PaymentViews) List(ctx context.Context, q query.ListPayments) ([]query.PaymentRow, error) {
	var c conditions
	c.add("v.order_id = ?", string(q.Order))
	c.after(q.After)
	found, err := paymentView.page(ctx, v.Store, "order", c, oldestFirst, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("list payments of order %s: %w", q.Order, err)
	}
	return found, nil
}
