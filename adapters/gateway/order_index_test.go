package gateway

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/domain/money"
)

// A ledger of before there was a way to ask for an order has no index for that.
func TestLedgerOfBeforeFindsOrdersByAnIndex(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	before, err := OpenLedger(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		c := Charge{Key: key, Reference: "ch_" + key, OrderID: "of " + key, Status: StatusCharged, At: time.Now(),
			Method: TokenOK, Money: money.Money{Amount: 100, Currency: "EUR"}}
		if _, _, err := before.Charge(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := before.db.ExecContext(t.Context(), "DROP INDEX charges_by_order"); err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}

	after, err := OpenLedger(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := after.Close(); err != nil {
			t.Error(err)
		}
	}()
	found, err := after.Charges(t.Context(), Page{Limit: 10, Order: "of b"})
	if err != nil || len(found.Data) != 1 || found.Data[0].Key != "b" {
		t.Errorf("found %+v, %v; want the charge b", found.Data, err)
	}
	for _, query := range []string{
		"SELECT key FROM charges WHERE seq > 0 AND " + chargesOfOrder + " ORDER BY seq",
		"SELECT key FROM refunds WHERE seq > 0 AND " + refundsOfOrder + " ORDER BY seq",
	} {
		if plan := explained(t, after, query); strings.Contains(plan, "SCAN") || !strings.Contains(plan, "charges_by_order") {
			t.Errorf("%s is answered by %s", query, plan)
		}
	}
}

// explained tells how the ledger finds the rows of an order.
func explained(t *testing.T, l *Ledger, query string) (plan string) {
	t.Helper()
	rows, err := l.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, nil, nil, "of b")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			id, parent, unused int
			step               string
		)
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan += step + "; "
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
