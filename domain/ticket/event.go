package ticket

import "time"

// Event is something that happened to a ticket. The set is sealed: every event is
// in this file and in Catalogue. All of them say which order they are about.
type Event interface {
	// EventType is the name the event is stored and published under. It never
	// changes, whatever the Go type is called.
	EventType() string

	// Order returns the id of the order that is to be made.
	Order() string

	isEvent()
}

// Catalogue lists every event, once.
func Catalogue() []Event { return []Event{Opened{}, Accepted{}, Rejected{}, Withdrawn{}} }

// Opened puts an order before the restaurant.
type Opened struct {
	OrderID string    `json:"order_id"`
	Items   []Item    `json:"items"`
	At      time.Time `json:"at"`
}

// Accepted says that the restaurant will make the order.
type Accepted struct {
	OrderID string    `json:"order_id"`
	At      time.Time `json:"at"`
}

// Rejected says that the restaurant will not make the order, and why.
type Rejected struct {
	OrderID string    `json:"order_id"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// Withdrawn says that the order is not wanted any more, and why.
type Withdrawn struct {
	OrderID string    `json:"order_id"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

func (Opened) EventType() string    { return "ticket.opened" }
func (Accepted) EventType() string  { return "ticket.accepted" }
func (Rejected) EventType() string  { return "ticket.rejected" }
func (Withdrawn) EventType() string { return "ticket.withdrawn" }

// Order implements Event.
func (e Opened) Order() string { return e.OrderID }

// Order implements Event.
func (e Accepted) Order() string { return e.OrderID }

// Order implements Event.
func (e Rejected) Order() string { return e.OrderID }

// Order implements Event.
func (e Withdrawn) Order() string { return e.OrderID }

func (Opened) isEvent()    {}
func (Accepted) isEvent()  {}
func (Rejected) isEvent()  {}
func (Withdrawn) isEvent() {}
