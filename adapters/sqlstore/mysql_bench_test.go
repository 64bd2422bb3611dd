package sqlstore_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/internal/servertest"
)

// BenchmarkMySQLAppend is BenchmarkAppend for servers: beside the store stand
// writers that insert the event's row alone, each on a connection of its own, and
// one that inserts as many rows in a transaction as there are writers.
func BenchmarkMySQLAppend(b *testing.B) {
	for _, server := range []string{"mysql", "mariadb"} {
		for _, writers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/store/writers=%d", server, writers), func(b *testing.B) {
				s := openMySQL(b, servertest.Database(b, server))
				share(b, writers, func() error {
					return s.Append(b.Context(), addition(es.StreamOf("order", rand.Text()), 0, 1))
				})
			})
			b.Run(fmt.Sprintf("%s/raw, one a transaction/writers=%d", server, writers), func(b *testing.B) {
				insert := rawMySQLInsert(b, server, writers)
				share(b, writers, func() error {
					_, err := insert.ExecContext(b.Context(), rand.Text(), rand.Text())
					return err
				})
			})
			b.Run(fmt.Sprintf("%s/raw, many a transaction/writers=%d", server, writers), func(b *testing.B) {
				insert := rawMySQLInsert(b, server, 1)
				for done := 0; done < b.N; done += writers {
					if err := insertBatch(b, insert, min(writers, b.N-done)); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// rawMySQLInsert prepares the insert of an event into a store's own table.
func rawMySQLInsert(b *testing.B, server string, connections int) rawEvents {
	b.Helper()
	address := servertest.Database(b, server)
	openMySQL(b, address)
	db := servertest.Connect(b, address)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	insert, err := db.PrepareContext(b.Context(), "INSERT INTO events"+
		" (stream, version, id, type, `schema`, data, metadata, occurred_at) VALUES (?, 1, ?, 'order.tested', 1, '{}', '{}', 0)")
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	return rawEvents{insert, db}
}
