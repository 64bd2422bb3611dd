package order

import "time"

// UpdateCart decides whether the cart can still be replaced. An order stays in
// the currency it was created in.
func (o Order) UpdateCart(cart Cart, at time.Time) ([]Event, error) {
	total, err := cart.Total()
	if err != nil {
		return nil, err
	}
	if err := o.over(); err != nil {
		return nil, err
	}
	if o.cartFrozen {
		return nil, ErrCartFrozen
	}
	if total.Currency != o.total.Currency {
		return nil, ErrCurrencyMismatch
	}
	return []Event{CartUpdated{Cart: cart, Total: total, At: at}}, nil
}
