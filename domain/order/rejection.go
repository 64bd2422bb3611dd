package order

// Rejection is the business saying no. It is an answer, not a failure: it is
// recorded, shown to whoever asked, and never retried.
type Rejection struct {
	Code   string // stable, for programs
	Reason string // for people
}

func (r Rejection) Error() string { return r.Reason }

// RejectionCode returns the stable code.
func (r Rejection) RejectionCode() string { return r.Code }

// What an order can say no to.
var (
	ErrNotFound         = Rejection{"order_not_found", "there is no such order"}
	ErrExists           = Rejection{"order_exists", "the order has already been created"}
	ErrCartFrozen       = Rejection{"cart_frozen", "the cart cannot change once the order was submitted or its payment requested"}
	ErrCurrencyMismatch = Rejection{"currency_mismatch", "the order is in another currency"}
	ErrAlreadySubmitted = Rejection{"already_submitted", "the order has already been submitted"}
	ErrNotSubmitted     = Rejection{"not_submitted", "the order has not been submitted"}
	ErrAlreadyApproved  = Rejection{"already_approved", "the order has already been approved"}
	ErrNotApproved      = Rejection{"not_approved", "the order has not been approved"}
	ErrNotPaid          = Rejection{"not_paid", "the order has not been paid"}
	ErrAlreadyPaid      = Rejection{"already_paid", "the order has already been paid"}
	ErrPaymentPending   = Rejection{"payment_pending", "a payment for the order is under way"}
	ErrPaymentUnknown   = Rejection{"payment_unknown", "the order did not ask for this payment"}
	ErrNothingToRefund  = Rejection{"nothing_to_refund", "there is no money to give back for this order"}
	ErrAlreadyShipped   = Rejection{"already_shipped", "the order has already been shipped"}
	ErrNotShipped       = Rejection{"not_shipped", "the order has not been shipped"}
	ErrCompleted        = Rejection{"order_completed", "the order has been completed"}
	ErrCanceled         = Rejection{"order_canceled", "the order has been canceled"}
	ErrRejected         = Rejection{"order_rejected", "the order has been rejected"}
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
