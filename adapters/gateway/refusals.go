package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/millrace/millrace/domain/money"
)

// whyDeclined says in words why a charge was declined.
func (c Charge) whyDeclined() string {
	if c.Code == CodeUnknownMethod {
		return fmt.Sprintf("there is no payment method %q here", c.Method)
	}
	return "the card was declined"
}

// whyRefused says in words why a refund was refused. It looks at what was in the
// ledger before, which stays, so that whoever asks again is told the same.
func (l *Ledger) whyRefused(ctx context.Context, r Refund) (string, error) {
	charge, err := findCharge(ctx, l.db, r.ChargeKey)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Sprintf("there is no charge with the key %q", r.ChargeKey), nil
	}
	if err != nil {
		return "", fmt.Errorf("read charge %s: %w", r.ChargeKey, err)
	}
	switch {
	case charge.Status == StatusDeclined:
		return fmt.Sprintf("the charge with the key %q was declined: nothing was taken", r.ChargeKey), nil
	case r.Code == CodeChargeUnknown:
		return fmt.Sprintf("there was no charge with the key %q yet", r.ChargeKey), nil
	case r.Code == CodeWrongCurrency:
		return fmt.Sprintf("the charge is in %s, not in %s", charge.Currency, r.Currency), nil
	case r.Code == CodeRefundTooLarge:
		given, err := given(ctx, l.db, r.ChargeKey, r.seq)
		if err != nil {
			return "", fmt.Errorf("add up the refunds of %s: %w", r.ChargeKey, err)
		}
		left := money.Money{Amount: charge.Amount - given, Currency: charge.Currency}
		return fmt.Sprintf("%s are left of this charge of %s, and %s were asked for",
			left.Decimal(), charge.Decimal(), r.Decimal()), nil
	}
	return fmt.Sprintf("what was paid by %s is never given back", charge.Method), nil
}

// given adds up what was given back of a charge before a place in the ledger.
func given(ctx context.Context, q querier, charge string, before int64) (sum int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE charge_key = ? AND status = ? AND seq < ?",
		charge, StatusRefunded, before).Scan(&sum)
	return sum, err
}
