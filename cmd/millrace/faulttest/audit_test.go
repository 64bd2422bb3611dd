package faulttest

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// findings count what should never be, and say what it is. Only commands is not a
// fault.
type findings struct {
	commands  int // that were accepted, those of processes among them
	noOutcome int // commands without an outcome, or with another one than was told
	twice     int // effects that a command has twice, or that no customer asked for
	lost      int // events that customers or processes have asked for and that are not there
	gaps      int // places of the feed that are empty, taken twice or in the wrong order
	views     int // views that differ from a fresh fold
	money     int // orders that have cost their customers too much or too little
	what      []string
}

func (f *findings) add(count *int, format string, args ...any) {
	*count++
	f.what = append(f.what, fmt.Sprintf(format, args...))
}

// audit holds the database and the gateway's ledger against what the customers were
// told, once they rest and nothing is left to do.
func audit(db *sql.DB, ledger string, c *customers) (f findings, err error) {
	streams, err := readEvents(db)
	if err != nil {
		return f, err
	}
	if err := checkMoney(&f, ledger, c); err != nil {
		return f, err
	}
	for _, check := range []func(*findings, *sql.DB, *customers, map[es.Stream][]es.Record) error{
		checkOutcomes, checkHistories, checkFeed, checkViews,
	} {
		if err := check(&f, db, c, streams); err != nil {
			return f, err
		}
	}
	return f, nil
}

// each calls row for each row of a query, which scans it.
func each(db *sql.DB, row func(scan func(...any) error) error, text string) error {
	rows, err := db.Query(text)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return rows.Err()
}

func readEvents(db *sql.DB) (map[es.Stream][]es.Record, error) {
	streams := map[es.Stream][]es.Record{}
	return streams, each(db, func(scan func(...any) error) error {
		var (
			r              es.Record
			data, metadata []byte
		)
		if err := scan(&r.Stream, &r.Version, &r.ID, &r.Type, &r.Schema, &data, &metadata); err != nil {
			return err
		}
		r.Data = data
		err := json.Unmarshal(metadata, &r.Metadata)
		streams[r.Stream] = append(streams[r.Stream], r)
		return err
	}, "SELECT stream, version, id, type, `schema`, data, metadata FROM events ORDER BY stream, version")
}

// checkOutcomes looks for commands that were accepted and have no outcome, or
// another one than was told.
func checkOutcomes(f *findings, db *sql.DB, c *customers, _ map[es.Stream][]es.Record) error {
	outcomes := map[string]answer{}
	err := each(db, func(scan func(...any) error) error {
		var a answer
		if err := scan(&a.CommandID, &a.OrderID, &a.Status, &a.Version); err != nil {
			return err
		}
		f.commands++
		outcomes[a.CommandID] = a
		if a.Status != string(es.StatusSucceeded) {
			f.add(&f.noOutcome, "command %s of order %s is %q", a.CommandID, a.OrderID, a.Status)
		}
		return nil
	}, "SELECT c.id, c.target, COALESCE(o.status, ''), COALESCE(o.version, 0) FROM commands c LEFT JOIN outcomes o ON o.command_id = c.id")
	for id, told := range c.told {
		if kept := outcomes[id]; kept.Version != told.Version || kept.OrderID != told.OrderID {
			f.add(&f.noOutcome, "command %s made version %d of %s, and the customer was told %d of %s",
				id, kept.Version, kept.OrderID, told.Version, told.OrderID)
		}
	}
	return err
}

// checkHistories holds what happened to each order, its payment and its ticket against
// what its customer and the processes asked for.
func checkHistories(f *findings, _ *sql.DB, c *customers, streams map[es.Stream][]es.Record) error {
	wanted := map[es.Stream][]string{}
	for id, order := range c.orders {
		wanted[es.StreamOf("order", id)] = order.history
		if len(order.ticket) > 0 {
			wanted[es.StreamOf("ticket", id)] = order.ticket
		}
		if len(order.payment) > 0 {
			wanted[paymentFor(id, streams)] = order.payment
		}
	}
	for stream, records := range streams {
		checkHistory(f, stream, records, wanted[stream])
	}
	for stream, want := range wanted {
		for missing := len(streams[stream]); missing < len(want); missing++ {
			f.add(&f.lost, "%s lacks %s", stream, want[missing])
		}
	}
	return nil
}

// paymentFor returns the stream of the payment that an order has asked for.
func paymentFor(id string, streams map[es.Stream][]es.Record) es.Stream {
	for _, r := range streams[es.StreamOf("order", id)] {
		var asked order.PaymentRequested
		if r.Type == asked.EventType() && json.Unmarshal(r.Data, &asked) == nil {
			return es.StreamOf("payment", asked.PaymentID)
		}
	}
	return es.StreamOf("payment", "of order "+id) // there is none
}

func checkHistory(f *findings, stream es.Stream, records []es.Record, want []string) {
	caused := map[string]es.Version{}
	for i, r := range records {
		if version := es.Version(i + 1); r.Version != version {
			f.add(&f.lost, "%s has version %d where %d should be", stream, r.Version, version)
		}
		command := r.Metadata.CommandID + " " + r.Type
		if other := caused[command]; other != 0 {
			f.add(&f.twice, "%s has %s of one command as versions %d and %d", stream, r.Type, other, r.Version)
		}
		caused[command] = r.Version
		if i < len(want) && r.Type != want[i] {
			f.add(&f.lost, "%s has %s as version %d, want %s", stream, r.Type, r.Version, want[i])
		}
		if i >= len(want) {
			f.add(&f.twice, "%s has %s as version %d, which nobody asked for", stream, r.Type, r.Version)
		}
	}
}

// checkFeed looks for gaps, and for events that are not in the feed exactly once
// and in order.
func checkFeed(f *findings, db *sql.DB, _ *customers, streams map[es.Stream][]es.Record) error {
	var head int64
	reached := map[es.Stream]es.Version{}
	err := each(db, func(scan func(...any) error) error {
		var (
			position int64
			stream   es.Stream
			version  es.Version
		)
		if err := scan(&position, &stream, &version); err != nil {
			return err
		}
		head++
		if position != head {
			f.add(&f.gaps, "the feed has position %d where %d should be", position, head)
		}
		reached[stream]++
		if version != reached[stream] {
			f.add(&f.gaps, "position %d of the feed is %s version %d, want %d", position, stream, version, reached[stream])
		}
		return nil
	}, "SELECT position, stream, version FROM feed ORDER BY position")
	for stream, records := range streams {
		if n := reached[stream]; int(n) != len(records) {
			f.add(&f.gaps, "the feed has %d of %d events of %s", n, len(records), stream)
		}
	}
	return err
}
