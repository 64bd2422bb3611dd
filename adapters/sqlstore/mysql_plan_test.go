package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/es/estest"
	"github.com/millrace/millrace/internal/servertest"
)

// growing are the tables that have no bounds.
var growing = []string{"events", "feed", "outbox", "order_views", "payment_views", "ticket_views", "processes", "process_streams", "outcomes", "commands", "unfinished_commands"}

// No query of the hot path may look at more rows the more there are. The server
// counts the rows that a connection reads; a plan says only what it means to do.
func TestMySQLReadsNoMoreRowsThanItNeeds(t *testing.T) {
	onServers(t, func(t *testing.T, address string) {
		s := openMySQL(t, address)
		raw := servertest.Connect(t, address)
		raw.SetMaxOpenConns(1)
		forget(t, raw)
		fillTables(t, raw)
		s.Pool().SetMaxOpenConns(2) // the writer's connection, and one to count on
		views, processes := sqlstore.OrderViews{Store: s}, processesOf(s, "checkout")
		ids, streams := make([]string, 64), make([]es.Stream, 64)
		for i := range ids {
			ids[i] = fmt.Sprint(i * 300)
			streams[i] = es.StreamOf("order", ids[i])
		}
		list := func(q query.ListOrders) func(context.Context) error {
			return func(ctx context.Context) error {
				q := q
				q.Limit = 20
				for range 2 {
					found, err := views.List(ctx, q)
					if err != nil || len(found) != 20 {
						return fmt.Errorf("found %d orders, error %w, want 20", len(found), err)
					}
					last := found[19]
					q.After = query.Place{CreatedAt: last.Order.CreatedAt, ID: string(last.ID)}
				}
				return nil
			}
		}
		payments, tickets := sqlstore.PaymentViews{Store: s}, sqlstore.TicketViews{Store: s}
		listTickets := func(status ticket.Status) func(context.Context) error {
			return func(ctx context.Context) error {
				for _, after := range []query.Place{{}, {CreatedAt: time.UnixMicro(9000), ID: "9000"}} {
					found, err := tickets.List(ctx, query.ListTickets{Status: status, After: after, Limit: 20})
					if err != nil || len(found) != 20 {
						return fmt.Errorf("found %d tickets, error %w, want 20", len(found), err)
					}
				}
				return nil
			}
		}
		cases := []struct {
			name string
			most int
			do   func(context.Context) error
		}{
			{"pending", 1000, func(ctx context.Context) error { _, err := s.Pending(ctx, 100); return err }},
			{"feed", 500, func(ctx context.Context) error { _, err := s.Feed(ctx, 9000, 100); return err }},
			{"stretch", 500, func(ctx context.Context) error {
				_, err := s.Stretch(ctx, []string{"order.tested"}, 9900, 100)
				return err
			}},
			{"versions", 300, func(ctx context.Context) error {
				streams := []es.Stream{"order-long"}
				for _, id := range ids {
					streams = append(streams, es.StreamOf("order", id))
				}
				_, err := s.Versions(ctx, streams)
				return err
			}},
			{"head", 10, func(ctx context.Context) error { _, err := s.Head(ctx); return err }},
			{"tails", 1000, func(ctx context.Context) error {
				tails := make([]es.Tail, len(ids))
				for i, id := range ids {
					tails[i] = es.Tail{Stream: es.StreamOf("order", id)}
				}
				for _, err := range s.ReadTails(ctx, append(tails, es.Tail{Stream: "order-long", After: 9990})) {
					if err != nil {
						return err
					}
				}
				return nil
			}},
			{"views behind", 1000, func(ctx context.Context) error {
				_, _, err := s.ViewProgress("views", "order", "order_views").Behind(ctx, 9000, 9100, 100)
				return err
			}},
			{"processes behind", 1000, func(ctx context.Context) error {
				_, _, err := s.ProcessProgress("checkout", []string{"order.tested"}).Behind(ctx, 9000, 9100, 100)
				return err
			}},
			{"list processes", 1000, listRows(s, query.ListProcesses{Limit: 50})},
			{"list processes of a manager that are not done", 1000, listRows(s, query.ListProcesses{
				Name: "checkout", Done: new(false), Limit: 50, After: query.ProcessPlace{StartedAt: time.UnixMicro(9000), ID: "9000", Name: "checkout"},
			})},
			{"load views", 300, func(ctx context.Context) error { _, err := views.Load(ctx, ids); return err }},
			{"load processes", 300, func(ctx context.Context) error { _, err := processes.Load(ctx, ids); return err }},
			{"seen streams", 300, func(ctx context.Context) error { _, err := processes.Seen(ctx, streams); return err }},
			{"due processes", 300, func(ctx context.Context) error {
				due, err := processes.Due(ctx, time.UnixMicro(9000), es.DueProcess{ID: "77", At: time.UnixMicro(5000)}, 100)
				if err == nil && len(due) != 100 {
					return fmt.Errorf("%d processes are due, want 100", len(due))
				}
				return err
			}},
			{"counted processes", 400, func(ctx context.Context) error {
				n, err := sqlstore.Processes[estest.State]{Store: s, Name: "kitchen"}.Counts(ctx, time.UnixMicro(50))
				if want := (sqlstore.ProcessCounts{Open: 100, Troubled: 20, Overdue: 50}); err == nil && n != want {
					return fmt.Errorf("counted %+v, want %+v", n, want)
				}
				return err
			}},
			{"payments of an order", 60, func(ctx context.Context) error {
				found, err := payments.List(ctx, query.ListPayments{Order: "7", Limit: 20})
				if err == nil && len(found) != 20 {
					return fmt.Errorf("found %d payments, want 20", len(found))
				}
				return err
			}},
			{"further payments of an order", 60, func(ctx context.Context) error {
				_, err := payments.List(ctx, query.ListPayments{Order: "7", After: query.Place{CreatedAt: time.UnixMicro(9007), ID: "9007"}, Limit: 20})
				return err
			}},
			{"tickets", 100, listTickets("")},
			{"tickets by status", 100, listTickets("open")},
			{"versions of views", 300, func(ctx context.Context) error {
				streams := make([]string, 64)
				for i := range streams {
					streams[i] = fmt.Sprintf("%s-%d", []string{"order", "payment", "ticket"}[i%3], i*300)
				}
				_, err := sqlstore.ViewVersions{Store: s}.Versions(ctx, streams)
				return err
			}},
			{"one view", 5, func(ctx context.Context) error { _, err := views.Order(ctx, "77"); return err }},
			{"list", 200, list(query.ListOrders{})},
			{"list by status", 200, list(query.ListOrders{Status: "paid"})},
			{"list by customer", 200, list(query.ListOrders{CustomerID: "7"})},
		}
		check := func(knowing string) {
			for _, c := range cases {
				rows, err := rowsRead(t, s.Pool(), func() error { return c.do(t.Context()) })
				if err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				if rows > c.most {
					t.Errorf("%s: the server, %s, reads %d rows, want at most %d", c.name, knowing, rows, c.most)
				}
			}
		}
		check("which takes the tables for empty")
		analyze(t, raw)
		check("which knows the tables")
	})
}

// The writer's connection cannot be asked, so that the whole server's rows are counted,
// which has nothing else to do.
func TestMySQLWritesTouchNoMoreRowsThanTheyNeed(t *testing.T) {
	onOwnServers(t, func(t *testing.T, m *servertest.MySQL) {
		s, raw := openMySQL(t, m.Address), servertest.Connect(t, m.Address)
		raw.SetMaxOpenConns(1)
		fillTables(t, raw)
		analyze(t, raw)
		a := addition("order-long", 10_000, 1)
		for _, c := range []struct {
			name string
			do   func() error
		}{
			{"accept", func() error { return accept(t.Context(), s, a) }},
			{"append to a long stream", func() error { return s.Append(t.Context(), a) }},
			{"append to a short stream", func() error { return s.Append(t.Context(), addition("order-77", 1, 1)) }},
			{"append to new streams", func() error {
				for _, err := range atOnce(50, func(i int) error {
					return s.Append(t.Context(), addition(es.StreamOf("order", fmt.Sprint("new ", i)), 0, 1))
				}) {
					if err != nil {
						return err
					}
				}
				return nil
			}},
			{"import into new streams and a long one", func() error {
				var records []es.Record
				for i := range 50 {
					records = append(records, addition(es.StreamOf("order", fmt.Sprint("foreign ", i)), 0, 1).Records...)
				}
				_, err := s.Import(t.Context(), append(records, addition("order-long", 10_001, 1).Records...))
				return err
			}},
			{"save a view", func() error {
				return estest.SaveOne(t.Context(), sqlstore.OrderViews{Store: s}, "77", query.Order{}, 1, 2)
			}},
			{"save a process", func() error {
				move := estest.MoveOf("77", 1, 2, estest.State{})
				move.Seen = map[es.Stream]es.Version{"order-77": 2, "payment-77": 1}
				return estest.MoveOne(t.Context(), processesOf(s, "checkout"), move)
			}},
		} {
			before := globalRows(t, raw)
			if err := c.do(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if rows := globalRows(t, raw) - before; rows > 1000 {
				t.Errorf("%s: the server reads %d rows", c.name, rows)
			}
		}
	})
}

func listRows(s *sqlstore.Store, q query.ListProcesses) func(context.Context) error {
	return func(ctx context.Context) error {
		rows, err := processRows(s).ListProcesses(ctx, q)
		if err == nil && len(rows) != q.Limit {
			return fmt.Errorf("listed %d processes, want %d", len(rows), q.Limit)
		}
		return err
	}
}

// fillTables makes 20,000 orders with a view, a checkout and an event each, of which
// half is in the feed and half in the outbox, a stream of 10,000 events, and 20,000
// processes of the kitchen, of which 100 are not done.
func fillTables(t *testing.T, raw *sql.DB) {
	t.Helper()
	execRaw(t, raw, "CREATE TABLE digits (d INT)", "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
		"CREATE TABLE numbers (n INT PRIMARY KEY)",
		"INSERT INTO numbers SELECT a.d + 10*b.d + 100*c.d + 1000*d.d + 10000*e.d FROM digits a, digits b, digits c, digits d, digits e WHERE e.d < 2")
	execRaw(t, raw,
		"INSERT INTO events SELECT CONCAT('order-', n), 1, n, 'order.tested', 1, '{}', '{}', n FROM numbers",
		"INSERT INTO events SELECT 'order-long', n + 1, n, 'order.tested', 1, '{}', '{}', n FROM numbers WHERE n < 10000",
		"INSERT INTO feed SELECT n + 1, CONCAT('order-', n), 1, 'order.tested' FROM numbers WHERE n < 10000",
		"INSERT INTO outbox SELECT n + 1, CONCAT('order-', n), 1, 1 FROM numbers WHERE n >= 10000",
		"INSERT INTO order_views SELECT n, 1, IF(n % 3 = 0, 'paid', 'draft'), n % 40, n, 0, CONCAT('{\"created_at\":\"1970-01-01T00:00:00.', LPAD(n, 6, '0'), 'Z\"}') FROM numbers",
		"INSERT INTO payment_views SELECT n, 1, n % 40, n, '{}' FROM numbers",
		"INSERT INTO ticket_views SELECT n, 1, IF(n % 3 = 0, 'open', 'accepted'), n, '{}' FROM numbers",
		"INSERT INTO processes SELECT 'checkout', n, 1, '', '{}', '[]', '[]', n, n % 2, '', '', '', n, n FROM numbers",
		"INSERT INTO processes SELECT 'kitchen', n, 1, '', '{}', '[]', '[]', n, n % 200 > 0, '', IF(n % 1000 = 0, 'no oven', ''), '', n, n FROM numbers",
		"INSERT INTO process_streams SELECT 'checkout', CONCAT('order-', n), n % 2, n FROM numbers",
		"INSERT INTO outcomes SELECT n, '', '', 'succeeded', 1, 'null', n FROM numbers",
		"INSERT INTO commands SELECT n, '', '', 1, '{}', 'null', '', '{}', n FROM numbers",
		"INSERT INTO unfinished_commands SELECT n, n FROM numbers")
}

// analyze makes the server count what the tables hold.
func analyze(t *testing.T, raw *sql.DB) {
	t.Helper()
	for _, table := range growing {
		rows, err := raw.Query("ANALYZE TABLE " + table)
		if err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
}

// forget makes the server believe that the tables are as empty as they are now.
func forget(t *testing.T, raw *sql.DB) {
	t.Helper()
	for _, table := range growing {
		execRaw(t, raw, "ALTER TABLE "+table+" STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0")
	}
	analyze(t, raw)
}

// rowsRead counts the rows that the server reads on the one connection of a pool.
func rowsRead(t *testing.T, pool *sql.DB, do func() error) (int, error) {
	t.Helper()
	before := handlerReads(t, pool, "SESSION")
	err := do()
	return handlerReads(t, pool, "SESSION") - before, err
}

func globalRows(t *testing.T, db *sql.DB) int { return handlerReads(t, db, "GLOBAL") }

func handlerReads(t *testing.T, db *sql.DB, scope string) int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SHOW "+scope+" STATUS LIKE 'Handler_read%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	total := 0
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return total
}
