package payment

import (
	"time"

	"github.com/millrace/millrace/domain/money"
)

// Event is something that happened to a payment. The set is sealed: every event
// is in this file and in Catalogue. All of them say which payment of which order they
// are about.
type Event interface {
	// EventType is the name the event is stored and published under. It never
	// changes, whatever the Go type is called.
	EventType() string

	// Order returns the id of the order that is paid for.
	Order() string

	isEvent()
}

// Catalogue lists every event, once.
func Catalogue() []Event {
	return []Event{DebitRequested{}, Debited{}, Declined{}, CalledOff{}, RefundRequested{}, Refunded{}, RefundRefused{}}
}

// DebitRequested asks for an amount to be taken from the customer.
type DebitRequested struct {
	PaymentID ID          `json:"payment_id"`
	OrderID   string      `json:"order_id"`
	Method    string      `json:"payment_method"`
	Amount    money.Money `json:"amount"`
	At        time.Time   `json:"at"`
}

// Debited says that the whole amount was taken.
type Debited struct {
	PaymentID ID          `json:"payment_id"`
	OrderID   string      `json:"order_id"`
	Amount    money.Money `json:"amount"`
	Reference string      `json:"gateway_reference"` // what the gateway calls the charge
	At        time.Time   `json:"at"`
}

// Declined says that nothing was taken, and why.
type Declined struct {
	PaymentID ID        `json:"payment_id"`
	OrderID   string    `json:"order_id"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
}

// CalledOff says that nobody had asked for a payment, that nobody will any more, and
// why. It is the first event of a payment and the last one.
type CalledOff struct {
	PaymentID ID          `json:"payment_id"`
	OrderID   string      `json:"order_id"`
	Method    string      `json:"payment_method"`
	Amount    money.Money `json:"amount"`
	Reason    string      `json:"reason"`
	At        time.Time   `json:"at"`
}

// RefundRequested asks for a part of what was taken, or all of it, to be given back.
type RefundRequested struct {
	PaymentID ID          `json:"payment_id"`
	OrderID   string      `json:"order_id"`
	RefundID  string      `json:"refund_id"`
	Amount    money.Money `json:"amount"`
	Reason    string      `json:"reason"`
	At        time.Time   `json:"at"`
}

// Refunded says that an amount was given back. After RefundRefused for the same refund
// it says that this was done by other means than the gateway's.
type Refunded struct {
	PaymentID ID          `json:"payment_id"`
	OrderID   string      `json:"order_id"`
	RefundID  string      `json:"refund_id"`
	Amount    money.Money `json:"amount"`
	Reference string      `json:"gateway_reference"` // what the gateway calls the refund, or where else the money can be found
	At        time.Time   `json:"at"`
}

// RefundRefused says that the gateway would not give an amount back, and why. It can
// be asked again, as another refund, or be given back by other means.
type RefundRefused struct {
	PaymentID ID          `json:"payment_id"`
	OrderID   string      `json:"order_id"`
	RefundID  string      `json:"refund_id"`
	Amount    money.Money `json:"amount"`
	Reason    string      `json:"reason"`
	At        time.Time   `json:"at"`
}

func (DebitRequested) EventType() string  { return "payment.debit_requested" }
func (Debited) EventType() string         { return "payment.debited" }
func (Declined) EventType() string        { return "payment.declined" }
func (CalledOff) EventType() string       { return "payment.called_off" }
func (RefundRequested) EventType() string { return "payment.refund_requested" }
func (Refunded) EventType() string        { return "payment.refunded" }
func (RefundRefused) EventType() string   { return "payment.refund_refused" }

// Order implements Event.
func (e DebitRequested) Order() string { return e.OrderID }

// Order implements Event.
func (e Debited) Order() string { return e.OrderID }

// Order implements Event.
func (e Declined) Order() string { return e.OrderID }

// Order implements Event.
func (e CalledOff) Order() string { return e.OrderID }

// Order implements Event.
func (e RefundRequested) Order() string { return e.OrderID }

// Order implements Event.
func (e Refunded) Order() string { return e.OrderID }

// Order implements Event.
func (e RefundRefused) Order() string { return e.OrderID }

func (DebitRequested) isEvent()  {}
func (Debited) isEvent()         {}
func (Declined) isEvent()        {}
func (CalledOff) isEvent()       {}
func (RefundRequested) isEvent() {}
func (Refunded) isEvent()        {}
func (RefundRefused) isEvent()   {}
