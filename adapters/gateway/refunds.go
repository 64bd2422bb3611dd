package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/internal/crash"
)

// Refund is a request for money to be given back and what became of it.
type Refund struct {
	Key         string    `json:"key"`
	Reference   string    `json:"reference"` // what the gateway calls it
	ChargeKey   string    `json:"charge_key"`
	money.Money           // its amount and currency
	Reason      string    `json:"reason"`         // in the words of who asked
	Status      string    `json:"status"`         // StatusRefunded or StatusRefused
	Code        string    `json:"code,omitempty"` // why it was refused
	At          time.Time `json:"at"`

	seq int64 // its place in the ledger
}

// asksFor tells whether two refunds ask for the same.
func (r Refund) asksFor(other Refund) bool {
	return r.ChargeKey == other.ChargeKey && r.Money == other.Money && r.Reason == other.Reason
}

const refundColumns = "seq, key, reference, charge_key, amount, currency, reason, status, code, at"

func (r *Refund) columns() []any {
	return []any{&r.seq, &r.Key, &r.Reference, &r.ChargeKey, &r.Amount, &r.Currency, &r.Reason, &r.Status, &r.Code, (*micros)(&r.At)}
}

// Refund decides a refund by what is left of its charge and writes it down, unless
// there is one with its key: then that is returned. It returns ErrKeyReused if that
// one asked for something else.
func (l *Ledger) Refund(ctx context.Context, r Refund) (Refund, error) {
	var recorded Refund
	about := func() []string { return []string{"refund " + r.Key + " " + r.ChargeKey} }
	crash.Point("ledger.before", about)
	err := l.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found, err := findRefund(ctx, tx, r.Key)
		if errors.Is(err, sql.ErrNoRows) {
			found, err = decideRefund(ctx, tx, r)
		}
		recorded = found
		return err
	})
	switch {
	case err != nil:
		return Refund{}, fmt.Errorf("write down refund %s: %w", r.Key, err)
	case !recorded.asksFor(r):
		return Refund{}, fmt.Errorf("refund %s: %w", r.Key, ErrKeyReused)
	}
	crash.Point("ledger.after", about)
	return recorded, nil
}

func decideRefund(ctx context.Context, tx *sql.Tx, r Refund) (Refund, error) {
	status := StatusRefunded
	code, err := objection(ctx, tx, r)
	if err != nil {
		return Refund{}, err
	}
	if code != "" {
		status = StatusRefused
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO refunds (key, reference, charge_key, amount, currency, reason, status, code, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Key, r.Reference, r.ChargeKey, r.Amount, r.Currency, r.Reason, status, code, r.At.UnixMicro())
	if err != nil {
		return Refund{}, err
	}
	return findRefund(ctx, tx, r.Key)
}

// objection tells why a refund is refused, or "".
func objection(ctx context.Context, tx *sql.Tx, r Refund) (code string, err error) {
	charge, err := findCharge(ctx, tx, r.ChargeKey)
	if errors.Is(err, sql.ErrNoRows) {
		return CodeChargeUnknown, nil
	}
	if err != nil {
		return "", err
	}
	given, err := given(ctx, tx, r.ChargeKey, math.MaxInt64)
	switch {
	case err != nil:
		return "", err
	case charge.Status != StatusCharged:
		return CodeChargeUnknown, nil
	case charge.Currency != r.Currency:
		return CodeWrongCurrency, nil
	case r.Amount > charge.Amount-given:
		return CodeRefundTooLarge, nil
	}
	return refuses(charge.Method), nil
}

// FindRefund returns the refund with a key, or process.ErrNeverAsked.
func (l *Ledger) FindRefund(ctx context.Context, key string) (Refund, error) {
	r, err := findRefund(ctx, l.db, key)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Refund{}, process.ErrNeverAsked
	case err != nil:
		return Refund{}, fmt.Errorf("read refund %s: %w", key, err)
	}
	return r, nil
}

func findRefund(ctx context.Context, q querier, key string) (Refund, error) {
	var r Refund
	err := q.QueryRowContext(ctx, "SELECT "+refundColumns+" FROM refunds WHERE key = ?", key).Scan(r.columns()...)
	return r, err
}

// refundsOfOrder tells the refunds for an order, which are those of its charges,
// from others, see list.
const refundsOfOrder = "charge_key IN (SELECT key FROM charges WHERE order_id = ?3)"

// Refunds lists refunds, oldest first.
func (l *Ledger) Refunds(ctx context.Context, p Page) (List[Refund], error) {
	return list(ctx, l, "SELECT "+refundColumns+" FROM refunds", refundsOfOrder, p,
		(*Refund).columns, func(r Refund) int64 { return r.seq })
}
