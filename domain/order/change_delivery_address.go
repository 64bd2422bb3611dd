package order

import "time"

// ChangeDeliveryAddress decides whether the order can still be sent elsewhere.
func (o Order) ChangeDeliveryAddress(to Address, at time.Time) ([]Event, error) {
	if err := to.Check(); err != nil {
		return nil, err
	}
	if err := o.atHome(); err != nil {
		return nil, err
	}
	return []Event{DeliveryAddressChanged{DeliveryAddress: to, At: at}}, nil
}
