package order

import "time"

// Event is something that happened to an order. The set is sealed: every event
// is in this file and in Catalogue.
type Event interface {
	// EventType is the name the event is stored and published under. It never
	// changes, whatever the Go type is called.
	EventType() string

	isEvent()
}

// Catalogue lists every event, once.
func Catalogue() []Event {
	return []Event{
		Created{}, CartUpdated{}, DeliveryAddressChanged{}, Submitted{},
		PaymentRequested{}, Paid{}, PaymentFailed{}, Approved{}, Rejected{},
		Shipped{}, Completed{}, Canceled{}, Refunded{},
	}
}

// Created starts an order's life as a draft.
type Created struct {
	CustomerID      string    `json:"customer_id"`
	Email           string    `json:"email"`
	Cart            Cart      `json:"items"`
	Total           Money     `json:"total"`
	DeliveryAddress Address   `json:"delivery_address"`
	At              time.Time `json:"at"`
}

// CartUpdated replaces what the customer wants to buy.
type CartUpdated struct {
	Cart  Cart      `json:"items"`
	Total Money     `json:"total"`
	At    time.Time `json:"at"`
}

// DeliveryAddressChanged sends the order somewhere else.
type DeliveryAddressChanged struct {
	DeliveryAddress Address   `json:"delivery_address"`
	At              time.Time `json:"at"`
}

// Submitted says that the customer wants the order as it is.
type Submitted struct {
	At time.Time `json:"at"`
}

// PaymentRequested asks for the order's total to be taken from the customer.
type PaymentRequested struct {
	PaymentID string    `json:"payment_id"`
	Method    string    `json:"payment_method"`
	Amount    Money     `json:"amount"`
	At        time.Time `json:"at"`
}

// Paid says that the requested payment was taken.
type Paid struct {
	PaymentID string    `json:"payment_id"`
	Amount    Money     `json:"amount"`
	At        time.Time `json:"at"`
}

// PaymentFailed says that the requested payment was not taken, and why.
type PaymentFailed struct {
	PaymentID string    `json:"payment_id"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
}

// Approved says that the order will be made and delivered.
type Approved struct {
	At time.Time `json:"at"`
}

// Rejected says that the order will not be made, and why.
type Rejected struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Shipped says that the order has left the house.
type Shipped struct {
	Carrier        string    `json:"carrier,omitempty"`
	TrackingNumber string    `json:"tracking_number,omitempty"`
	At             time.Time `json:"at"`
}

// Completed says when the order reached the customer.
type Completed struct {
	DeliveredAt time.Time `json:"delivered_at"`
	At          time.Time `json:"at"`
}

// Canceled says that the customer called the order off, and why.
type Canceled struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Refunded says that the customer has the money back.
type Refunded struct {
	PaymentID string    `json:"payment_id"`
	Amount    Money     `json:"amount"`
	At        time.Time `json:"at"`
}

func (Created) EventType() string                { return "order.created" }
func (CartUpdated) EventType() string            { return "order.cart_updated" }
func (DeliveryAddressChanged) EventType() string { return "order.delivery_address_changed" }
func (Submitted) EventType() string              { return "order.submitted" }
func (PaymentRequested) EventType() string       { return "order.payment_requested" }
func (Paid) EventType() string                   { return "order.paid" }
func (PaymentFailed) EventType() string          { return "order.payment_failed" }
func (Approved) EventType() string               { return "order.approved" }
func (Rejected) EventType() string               { return "order.rejected" }
func (Shipped) EventType() string                { return "order.shipped" }
func (Completed) EventType() string              { return "order.completed" }
func (Canceled) EventType() string               { return "order.canceled" }
func (Refunded) EventType() string               { return "order.refunded" }

func (Created) isEvent()                {}
func (CartUpdated) isEvent()            {}
func (DeliveryAddressChanged) isEvent() {}
func (Submitted) isEvent()              {}
func (PaymentRequested) isEvent()       {}
func (Paid) isEvent()                   {}
func (PaymentFailed) isEvent()          {}
func (Approved) isEvent()               {}
func (Rejected) isEvent()               {}
func (Shipped) isEvent()                {}
func (Completed) isEvent()              {}
func (Canceled) isEvent()               {}
func (Refunded) isEvent()               {}
