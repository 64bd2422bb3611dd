package ticket

import "time"

// Open decides whether an order can be put before the restaurant. To open a ticket
// once more changes nothing, unless the order has been withdrawn.
func (t Ticket) Open(order string, items []Item, at time.Time) ([]Event, error) {
	switch t.status {
	case "":
		return []Event{Opened{OrderID: order, Items: items, At: at}}, nil
	case StatusWithdrawn:
		return nil, ErrWithdrawn
	}
	return nil, nil
}

// Withdraw decides whether an order can be taken back, which it can at any time
// before it was rejected. It can even be before the ticket was opened, since what is
// asked one after the other may arrive the other way round.
func (t Ticket) Withdraw(order, reason string, at time.Time) ([]Event, error) {
	switch t.status {
	case StatusRejected:
		return nil, ErrRejected
	case StatusWithdrawn:
		return nil, nil
	}
	return []Event{Withdrawn{OrderID: order, Reason: reason, At: at}}, nil
}
