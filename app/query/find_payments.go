package query

import (
	"context"
	"errors"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
)

// ErrNoPayment says that there is no such payment.
var ErrNoPayment = errors.New("no such payment")

// ListPayments asks for the payments of an order, oldest first.
type ListPayments struct {
	Order order.ID
	After Place
	Limit int
}

// Payments answers questions from the view of payments.
type Payments interface {
	// Payment returns one payment, or ErrNoPayment.
	Payment(context.Context, payment.ID) (PaymentRow, error)

	// List returns at most Limit payments.
	List(context.Context, ListPayments) ([]PaymentRow, error)
}
