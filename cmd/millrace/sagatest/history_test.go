package sagatest

import (
	"fmt"
	"slices"
)

// history is the types of the order's events.
func (v *visit) history() (types []string, err error) {
	events, err := all[struct{ Type string }](v.house, v.house.api()+"/orders/"+v.order+"/events")
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types, err
}

// lastOf returns which of some events has happened to the order last, "" if none.
func (v *visit) lastOf(types ...string) (string, error) {
	events, err := v.history()
	for _, event := range slices.Backward(events) {
		if slices.Contains(types, event) {
			return event, err
		}
	}
	return "", err
}

// onlyOnce says what has happened twice that can happen once.
func (v *visit) onlyOnce() error {
	events, err := v.history()
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, event := range events {
		count[event]++
	}
	for _, once := range []string{"order.submitted", "order.approved", "order.rejected", "order.canceled", "order.shipped", "order.completed"} {
		if count[once] > 1 {
			return fmt.Errorf("the order has %d times %s", count[once], once)
		}
	}
	if n := count["order.rejected"] + count["order.canceled"] + count["order.completed"]; n != 1 {
		return fmt.Errorf("the order has ended %d times: %v", n, count)
	}
	return nil
}
