package faulttest

import "net/http"

// story is what a customer does with an order, step by step, and what becomes of it:
// the types of the events of the order, of its payment and of its ticket, and what the
// customer pays for it in the end.
type story struct {
	steps                    []step
	history, payment, ticket []string
	costs                    int64
}

// events is how many events there are to be.
func (s story) events() int { return len(s.history) + len(s.payment) + len(s.ticket) }

type step struct{ method, verb, body string }

func submit(token string) step {
	return step{http.MethodPost, "/submit", `{"payment_method":"` + token + `"}`}
}

// What becomes of payments and tickets.
var (
	debited  = []string{"payment.debit_requested", "payment.debited"}
	declined = []string{"payment.debit_requested", "payment.declined"}
	returned = []string{"payment.debit_requested", "payment.debited", "payment.refund_requested", "payment.refunded"}
	accepted = []string{"ticket.opened", "ticket.accepted"}
	rejected = []string{"ticket.opened", "ticket.rejected"}
)

// stories are what customers do, one after the other.
var stories = []story{
	{[]step{submit("tok_ok")}, []string{
		"order.created", "order.submitted", "order.payment_requested", "order.paid", "order.approved",
	}, debited, accepted, total},
	{[]step{changeCart(pizza), submit("tok_ok")}, []string{
		"order.created", "order.cart_updated", "order.submitted", "order.payment_requested", "order.paid", "order.approved",
	}, debited, accepted, total},
	{[]step{submit("tok_declined")}, []string{
		"order.created", "order.submitted", "order.payment_requested", "order.payment_failed",
	}, declined, nil, 0},
	{[]step{{http.MethodPost, "/cancel", `{"reason":"changed my mind"}`}}, []string{"order.created", "order.canceled"}, nil, nil, 0},
	{[]step{changeCart(soldOut), submit("tok_ok")}, []string{
		"order.created", "order.cart_updated", "order.submitted", "order.payment_requested", "order.paid", "order.rejected", "order.refunded",
	}, returned, rejected, 0},
}

// What can be ordered, but for what the restaurant is out of.
const (
	pizza   = "p-1"
	soldOut = "p-out"
)

// total is what every order amounts to.
const total = 2 * 950

func item(product string) string {
	return `{"product_id":"` + product + `","title":"Margherita","quantity":2,"unit_price":{"amount":950,"currency":"EUR"}}`
}

func changeCart(product string) step {
	return step{http.MethodPut, "/cart", `{"items":[` + item(product) + `]}`}
}
