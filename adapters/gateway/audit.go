package gateway

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"time"
)

// Page says which part of a list is wanted.
type Page struct {
	After int64  // the place in the ledger after which the page begins
	Limit int    // the most items there may be on it
	Order string // the order that it is about; empty for all of them
}

// List is a page of charges or refunds.
type List[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"` // nil on the last page
}

// list reads a page, oldest first. A writer takes its place in the ledger within a
// transaction that no other writer overlaps, so that no row appears later behind a
// cursor. What tells the rows of an order from others has its id as ?3.
func list[T any](ctx context.Context, l *Ledger, query, ofOrder string, p Page, columns func(*T) []any, seq func(T) int64) (List[T], error) {
	query += " WHERE seq > ?1"
	args := []any{p.After, p.Limit + 1}
	if p.Order != "" {
		query += " AND " + ofOrder
		args = append(args, p.Order)
	}
	rows, err := l.db.QueryContext(ctx, query+" ORDER BY seq LIMIT ?2", args...)
	if err != nil {
		return List[T]{}, fmt.Errorf("list after %d: %w", p.After, err)
	}
	defer rows.Close()
	found := List[T]{Data: []T{}}
	for rows.Next() {
		var item T
		if err := rows.Scan(columns(&item)...); err != nil {
			return List[T]{}, fmt.Errorf("list after %d: %w", p.After, err)
		}
		found.Data = append(found.Data, item)
	}
	if err := rows.Err(); err != nil {
		return List[T]{}, fmt.Errorf("list after %d: %w", p.After, err)
	}
	if len(found.Data) > p.Limit {
		found.Data = found.Data[:p.Limit]
		cursor := strconv.FormatInt(seq(found.Data[p.Limit-1]), 10)
		found.NextCursor = &cursor
	}
	return found, nil
}

// Totals is what went through the till in one currency. The sums may be larger
// than any single amount of money.
type Totals struct {
	Charged  *big.Int `json:"charged"`
	Refunded *big.Int `json:"refunded"`
	Kept     *big.Int `json:"kept"` // what was charged and not given back
	Charges  int64    `json:"charges"`
	Declined int64    `json:"declined"` // charges that were
	Refunds  int64    `json:"refunds"`
	Refused  int64    `json:"refused"` // refunds that were
}

// half is the number of bits in the lower half of an amount. The halves are added
// up apart, since SQLite fails where a sum is over 63 bits.
const half = 27

// Totals adds everything up by currency, as of one moment.
func (l *Ledger) Totals(ctx context.Context) (map[string]Totals, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT currency, status, COUNT(*), SUM(amount >> ?1), SUM(amount & ((1 << ?1) - 1))
		FROM (SELECT currency, status, amount FROM charges UNION ALL SELECT currency, status, amount FROM refunds)
		GROUP BY currency, status`, half)
	if err != nil {
		return nil, fmt.Errorf("add up the ledger: %w", err)
	}
	defer rows.Close()
	all := map[string]Totals{}
	for rows.Next() {
		var (
			currency, status string
			n, high, low     int64
		)
		if err := rows.Scan(&currency, &status, &n, &high, &low); err != nil {
			return nil, fmt.Errorf("add up the ledger: %w", err)
		}
		t, ok := all[currency]
		if !ok {
			t = Totals{Charged: new(big.Int), Refunded: new(big.Int), Kept: new(big.Int)}
		}
		sum := new(big.Int).Lsh(big.NewInt(high), half)
		t.add(status, n, sum.Add(sum, big.NewInt(low)))
		all[currency] = t
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("add up the ledger: %w", err)
	}
	return all, nil
}

func (t *Totals) add(status string, n int64, sum *big.Int) {
	switch status {
	case StatusCharged:
		t.Charges, t.Charged = n, sum
	case StatusDeclined:
		t.Declined = n
	case StatusRefunded:
		t.Refunds, t.Refunded = n, sum
	case StatusRefused:
		t.Refused = n
	}
	t.Kept.Sub(t.Charged, t.Refunded)
}

// micros reads a time that is stored as microseconds since 1970.
type micros time.Time

// Scan implements sql.Scanner.
func (m *micros) Scan(stored any) error {
	n, ok := stored.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", stored)
	}
	*m = micros(time.UnixMicro(n).UTC())
	return nil
}
