package order

import "github.com/millrace/millrace/domain/rule"

// The ways in which an order says no.
type (
	Rejection = rule.Rejection // the business says no
	Invalid   = rule.Invalid   // input that can never be right, whatever state the order is in
	Violation = rule.Violation // one thing that is wrong with the input
)

// What an order can say no to.
var (
	ErrNotFound         = rule.No("order_not_found", "there is no such order")
	ErrExists           = rule.No("order_exists", "the order has already been created")
	ErrCartFrozen       = rule.No("cart_frozen", "the cart cannot change once the order was submitted or its payment requested")
	ErrCurrencyMismatch = rule.No("currency_mismatch", "the order is in another currency")
	ErrAlreadySubmitted = rule.No("already_submitted", "the order has already been submitted")
	ErrNotSubmitted     = rule.No("not_submitted", "the order has not been submitted")
	ErrAlreadyApproved  = rule.No("already_approved", "the order has already been approved")
	ErrNotApproved      = rule.No("not_approved", "the order has not been approved")
	ErrNotPaid          = rule.No("not_paid", "the order has not been paid")
	ErrAlreadyPaid      = rule.No("already_paid", "the order has already been paid")
	ErrPaymentPending   = rule.No("payment_pending", "a payment for the order is under way")
	ErrPaymentUnknown   = rule.No("payment_unknown", "the order did not ask for this payment")
	ErrNothingToRefund  = rule.No("nothing_to_refund", "there is no money to give back for this order")
	ErrAlreadyShipped   = rule.No("already_shipped", "the order has already been shipped")
	ErrNotShipped       = rule.No("not_shipped", "the order has not been shipped")
	ErrCompleted        = rule.No("order_completed", "the order has been completed")
	ErrCanceled         = rule.No("order_canceled", "the order has been canceled")
	ErrRejected         = rule.No("order_rejected", "the order has been rejected")
)

// over says no when the order does not exist or has come to an end.
func (o Order) over() error {
	switch o.status {
	case "":
		return ErrNotFound
	case StatusCompleted:
		return ErrCompleted
	case StatusCanceled:
		return ErrCanceled
	case StatusRejected:
		return ErrRejected
	}
	return nil
}

// atHome says no when the order does not exist, has come to an end, or has left
// the house.
func (o Order) atHome() error {
	if o.status == StatusShipped {
		return ErrAlreadyShipped
	}
	return o.over()
}
