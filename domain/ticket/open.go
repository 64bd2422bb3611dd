package ticket

import "time"

// Open decides whether an order can be put before the restaurant. To open a ticket
// once more changes nothing, since what is to be made does not change once an order is
// paid. A ticket that was withdrawn is not opened any more.
func (t Ticket) Open(order string, items []Item, at time.Time) ([]Event, error) {
	switch t.status {
	case "":
		return []Event{Opened{OrderID: order, Items: items, At: at}}, nil
	case StatusWithdrawn:
		return nil, ErrWithdrawn
	}
	return nil, nil
}

// Withdraw decides whether an order can be taken back, which it can even once it was
// accepted, unless it was rejected. It can be before the ticket was opened, too, since
// what is asked one after the other may arrive the other way round. To withdraw a
// ticket once more changes nothing.
func (t Ticket) Withdraw(order, reason string, at time.Time) ([]Event, error) {
	switch t.status {
	case StatusRejected:
		return nil, ErrRejected
	case StatusWithdrawn:
		return nil, nil
	}
	return []Event{Withdrawn{OrderID: order, Reason: reason, At: at}}, nil
}
