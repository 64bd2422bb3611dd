package faulttest

import (
	"context"
	"errors"
	"math"

	"github.com/millrace/millrace/adapters/gateway"
)

// checkMoney holds what the gateway has taken and given back against what each order
// is to cost its customer.
func checkMoney(f *findings, path string, c *customers) (err error) {
	ctx := context.Background()
	ledger, err := gateway.OpenLedger(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	charges, err := ledger.Charges(ctx, gateway.Page{Limit: math.MaxInt32})
	if err != nil {
		return err
	}
	refunds, err := ledger.Refunds(ctx, gateway.Page{Limit: math.MaxInt32})
	if err != nil {
		return err
	}
	taken, kept, orders := map[string]int64{}, map[string]int64{}, map[string]string{}
	for _, charge := range charges.Data {
		orders[charge.Key] = charge.OrderID
		if charge.Status == gateway.StatusCharged {
			taken[charge.OrderID] += charge.Amount
			kept[charge.OrderID] += charge.Amount
		}
	}
	for _, refund := range refunds.Data {
		if refund.Status == gateway.StatusRefunded {
			kept[orders[refund.ChargeKey]] -= refund.Amount
		}
	}
	for id, order := range c.orders {
		if kept[id] != order.costs || taken[id] > total {
			f.add(&f.money, "of order %s over %d the gateway has taken %d and kept %d, want it to keep %d", id, total, taken[id], kept[id], order.costs)
		}
	}
	for key, id := range orders {
		if _, known := c.orders[id]; !known {
			f.add(&f.money, "the gateway has the charge %s for order %q, which nobody made", key, id)
		}
	}
	return nil
}
