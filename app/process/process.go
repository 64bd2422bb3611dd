// Package process is what the service does of its own accord when something has
// happened or time has passed. A process is a fold like any other state, and a
// function from what it sees to the commands that answer it.
//
// Checkout ties an order, its payments and the restaurant's ticket together. Cashier
// asks the gateway for what payments request. Kitchen answers tickets by a rule.
package process

import (
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// The names of the processes of each kind: of their rows in the store, and what
// operators call them.
const (
	CheckoutName = "checkout"
	CashierName  = "cashier"
	KitchenName  = "kitchen"
)

// Catalogue lists every event that a process may see, once.
func Catalogue() []es.Event {
	var all []es.Event
	for _, e := range order.Catalogue() {
		all = append(all, e)
	}
	for _, e := range payment.Catalogue() {
		all = append(all, e)
	}
	for _, e := range ticket.Catalogue() {
		all = append(all, e)
	}
	return all
}

// NewCodec returns the codec of the catalogue.
func NewCodec() (*es.Codec[es.Event], error) { return es.NewCodec(Catalogue(), es.Event.EventType) }

// types returns the wire names of events.
func types(events ...es.Event) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.EventType()
	}
	return names
}
