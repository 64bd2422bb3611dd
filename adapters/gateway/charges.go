package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/money"
	"github.com/millrace/millrace/internal/crash"
)

// Charge is a request for money and what became of it.
type Charge struct {
	Key         string    `json:"key"`
	Reference   string    `json:"reference"` // what the gateway calls it
	OrderID     string    `json:"order_id"`
	Method      string    `json:"payment_method"`
	money.Money           // its amount and currency
	Status      string    `json:"status"`         // StatusCharged or StatusDeclined
	Code        string    `json:"code,omitempty"` // why it was declined
	At          time.Time `json:"at"`

	seq int64 // its place in the ledger
}

// asksFor tells whether two charges ask for the same.
func (c Charge) asksFor(other Charge) bool {
	return c.OrderID == other.OrderID && c.Method == other.Method && c.Money == other.Money
}

const chargeColumns = "seq, key, reference, order_id, method, amount, currency, status, code, at"

func (c *Charge) columns() []any {
	return []any{&c.seq, &c.Key, &c.Reference, &c.OrderID, &c.Method, &c.Amount, &c.Currency, &c.Status, &c.Code, (*micros)(&c.At)}
}

// Charge writes a charge down, unless there is one with its key: then that is
// returned, with first false. It returns ErrKeyReused if that one asked for
// something else.
func (l *Ledger) Charge(ctx context.Context, c Charge) (recorded Charge, first bool, err error) {
	about := func() []string { return []string{"charge " + c.Key + " " + c.OrderID} }
	crash.Point("ledger.before", about)
	err = l.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO charges (key, reference, order_id, method, amount, currency, status, code, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
			c.Key, c.Reference, c.OrderID, c.Method, c.Amount, c.Currency, c.Status, c.Code, c.At.UnixMicro())
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		first = n > 0
		recorded, err = findCharge(ctx, tx, c.Key)
		return err
	})
	switch {
	case err != nil:
		return Charge{}, false, fmt.Errorf("write down charge %s: %w", c.Key, err)
	case !recorded.asksFor(c):
		return Charge{}, false, fmt.Errorf("charge %s: %w", c.Key, ErrKeyReused)
	}
	crash.Point("ledger.after", about)
	return recorded, first, nil
}

// FindCharge returns the charge with a key, or process.ErrNeverAsked.
func (l *Ledger) FindCharge(ctx context.Context, key string) (Charge, error) {
	c, err := findCharge(ctx, l.db, key)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Charge{}, process.ErrNeverAsked
	case err != nil:
		return Charge{}, fmt.Errorf("read charge %s: %w", key, err)
	}
	return c, nil
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func findCharge(ctx context.Context, q querier, key string) (Charge, error) {
	var c Charge
	err := q.QueryRowContext(ctx, "SELECT "+chargeColumns+" FROM charges WHERE key = ?", key).Scan(c.columns()...)
	return c, err
}

// chargesOfOrder tells the charges for an order from others, see list.
const chargesOfOrder = "order_id = ?3"

// Charges lists charges, oldest first.
func (l *Ledger) Charges(ctx context.Context, p Page) (List[Charge], error) {
	return list(ctx, l, "SELECT "+chargeColumns+" FROM charges", chargesOfOrder, p,
		(*Charge).columns, func(c Charge) int64 { return c.seq })
}
