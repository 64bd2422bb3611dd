package sqlstore_test

import (
	"testing"

	"github.com/millrace/millrace/adapters/sqlstore"
	"github.com/millrace/millrace/adapters/sqlstore/viewtest"
	"github.com/millrace/millrace/internal/es/estest"
	"github.com/millrace/millrace/internal/servertest"
)

func TestMySQL(t *testing.T) { passes(t, "mysql") }

func TestMariaDB(t *testing.T) { passes(t, "mariadb") }

func passes(t *testing.T, server string) {
	t.Parallel()
	open := func(t *testing.T) estest.Store { return openMySQL(t, servertest.Database(t, server)) }
	suites(t, open)
}

func openMySQL(tb testing.TB, address string) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.Open(tb.Context(), address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	if _, err := s.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// suites runs what every database has to pass.
func suites(t *testing.T, open func(*testing.T) estest.Store) {
	t.Run("store", func(t *testing.T) { estest.TestStore(t, open) })
	t.Run("journal", func(t *testing.T) { estest.TestJournal(t, open) })
	t.Run("outbox and feed", func(t *testing.T) { estest.TestOutboxAndFeed(t, open) })
	t.Run("leases", func(t *testing.T) { estest.TestLeases(t, open) })
	t.Run("imports", func(t *testing.T) { estest.TestImports(t, open) })
	t.Run("hearsay", func(t *testing.T) { estest.TestHearsay(t, open) })
	t.Run("mirrors", func(t *testing.T) { estest.TestMirrors(t, open) })
	t.Run("processes", func(t *testing.T) { estest.TestProcesses(t, open, processesOf) })
	t.Run("progress of a process", func(t *testing.T) { estest.TestProgress(t, open, processHandler) })
	t.Run("progress of a process by types", func(t *testing.T) { testProgressOfTypes(t, open) })
	t.Run("progress of a view", func(t *testing.T) { estest.TestProgress(t, open, viewHandler) })
	t.Run("process rows", func(t *testing.T) { testProcessRows(t, open) })
	t.Run("dead letters", func(t *testing.T) { testDeadLetters(t, open) })
	t.Run("news", func(t *testing.T) { testNews(t, open) })
	t.Run("order views", func(t *testing.T) {
		viewtest.TestOrderViews(t, func(t *testing.T) viewtest.Views { return orderViews(open(t).(*sqlstore.Store)) })
	})
	t.Run("payment views", func(t *testing.T) {
		viewtest.TestPaymentViews(t, func(t *testing.T) viewtest.PaymentViews {
			s := open(t).(*sqlstore.Store)
			return struct {
				sqlstore.PaymentViews
				sqlstore.ViewVersions
			}{sqlstore.PaymentViews{Store: s}, sqlstore.ViewVersions{Store: s}}
		})
	})
	t.Run("ticket views", func(t *testing.T) {
		viewtest.TestTicketViews(t, func(t *testing.T) viewtest.TicketViews {
			s := open(t).(*sqlstore.Store)
			return struct {
				sqlstore.TicketViews
				sqlstore.ViewVersions
			}{sqlstore.TicketViews{Store: s}, sqlstore.ViewVersions{Store: s}}
		})
	})
}

// orderViews is the view of orders that also says how far it has come.
func orderViews(s *sqlstore.Store) viewtest.Views {
	return struct {
		sqlstore.OrderViews
		sqlstore.ViewVersions
	}{sqlstore.OrderViews{Store: s}, sqlstore.ViewVersions{Store: s}}
}
