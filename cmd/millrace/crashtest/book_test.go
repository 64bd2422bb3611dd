package crashtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/internal/es"
)

// book is everything that a database file holds, as of one moment, and what the
// payment gateway has written down by then.
type book struct {
	streams    map[es.Stream][]es.Record // every stream's events in the order of their versions
	events     map[es.Stream][]es.Event  // the same, decoded
	commands   map[string]command
	outcomes   map[string]outcome
	unfinished map[string]bool
	outbox     []run
	feed       []place
	views      map[es.Stream]viewRow
	found      map[string][]int64 // the rows of the search index by what they are found by
	processes  map[processKey]processRow
	seen       map[processKey]map[es.Stream]es.Version // how far each process has seen streams
	charges    map[string]charge                       // by key, which is the id of a payment
	refunds    map[string]refund                       // by key, which is the id of a refund
	given      map[string]int64                        // what the gateway has given back, by order
	letters    int                                     // dead letters
	integrity  string                                  // what the database says of itself
}

type command struct {
	kind, target, payload string
	metadata              es.Metadata
}

type outcome struct {
	kind, target, status, code string
	version                    int64
}

// run is a run of events of one stream.
type run struct {
	stream      es.Stream
	first, last es.Version
}

// place is where an event stands in the feed.
type place struct {
	position es.Position
	stream   es.Stream
	version  es.Version
}

// openBook opens a database file for reading, whether or not a service runs on it.
func openBook(file string) (*sql.DB, error) {
	settings := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+settings.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// readBook reads a database file and the gateway's ledger, in this order: what the
// service knows of a charge was written down before.
func readBook(file, ledger string) (*book, error) {
	b := &book{
		streams: map[es.Stream][]es.Record{}, events: map[es.Stream][]es.Event{},
		commands: map[string]command{}, outcomes: map[string]outcome{}, unfinished: map[string]bool{},
		views: map[es.Stream]viewRow{}, found: map[string][]int64{},
		processes: map[processKey]processRow{}, seen: map[processKey]map[es.Stream]es.Version{},
		charges: map[string]charge{}, refunds: map[string]refund{}, given: map[string]int64{},
	}
	return b, errors.Join(
		readFile(file, b.readEvents, b.readJournal, b.readRelay, b.readViews, b.readSearch, b.readProcesses, b.readRest),
		readFile(ledger, b.readCharges, b.readRefunds),
	)
}

// readFile reads a database file as it is at one moment.
func readFile(file string, parts ...func(*sql.Tx) error) (err error) {
	db, err := openBook(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	for _, read := range parts {
		if err := read(tx); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
	}
	return nil
}

// each calls row for each row of a query, which scans it.
func each(tx *sql.Tx, row func(scan func(...any) error) error, text string, args ...any) error {
	rows, err := tx.Query(text, args...)
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

func (b *book) readEvents(tx *sql.Tx) error {
	codec, err := process.NewCodec()
	if err != nil {
		return err
	}
	return each(tx, func(scan func(...any) error) error {
		var (
			r              es.Record
			data, metadata []byte
			at             int64
		)
		if err := scan(&r.Stream, &r.Version, &r.ID, &r.Type, &r.Schema, &data, &metadata, &at); err != nil {
			return err
		}
		r.Data, r.OccurredAt = data, time.UnixMicro(at).UTC()
		e, err := es.DecodeRecord(codec, r)
		if err = errors.Join(err, json.Unmarshal(metadata, &r.Metadata)); err != nil {
			return err
		}
		b.streams[r.Stream] = append(b.streams[r.Stream], r)
		b.events[r.Stream] = append(b.events[r.Stream], e)
		return nil
	}, "SELECT stream, version, id, type, schema, data, metadata, occurred_at FROM events ORDER BY stream, version")
}

func (b *book) readJournal(tx *sql.Tx) error {
	return errors.Join(
		each(tx, func(scan func(...any) error) error {
			var id string
			var c command
			var metadata []byte
			err := scan(&id, &c.kind, &c.target, &c.payload, &metadata)
			if err == nil {
				err = json.Unmarshal(metadata, &c.metadata)
			}
			b.commands[id] = c
			return err
		}, "SELECT id, type, target, payload, metadata FROM commands"),
		each(tx, func(scan func(...any) error) error {
			var id string
			var o outcome
			var problem []byte
			if err := scan(&id, &o.kind, &o.target, &o.status, &o.version, &problem); err != nil {
				return err
			}
			var p es.Problem
			err := json.Unmarshal(problem, &p)
			o.code = p.Code
			b.outcomes[id] = o
			return err
		}, "SELECT command_id, type, target, status, version, problem FROM outcomes"),
		each(tx, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			b.unfinished[id] = true
			return err
		}, "SELECT id FROM unfinished_commands"),
	)
}

func (b *book) readRelay(tx *sql.Tx) error {
	return errors.Join(
		each(tx, func(scan func(...any) error) error {
			var r run
			err := scan(&r.stream, &r.first, &r.last)
			b.outbox = append(b.outbox, r)
			return err
		}, "SELECT stream, first_version, last_version FROM outbox ORDER BY seq"),
		each(tx, func(scan func(...any) error) error {
			var p place
			err := scan(&p.position, &p.stream, &p.version)
			b.feed = append(b.feed, p)
			return err
		}, "SELECT position, stream, version FROM feed ORDER BY position"),
	)
}

func (b *book) readRest(tx *sql.Tx) error {
	return errors.Join(
		tx.QueryRow("SELECT COUNT(*) FROM dead_letters").Scan(&b.letters),
		tx.QueryRow("PRAGMA integrity_check").Scan(&b.integrity),
	)
}

// streamsOf returns the streams of one category.
func (b *book) streamsOf(category string) iter.Seq2[es.Stream, []es.Record] {
	return func(yield func(es.Stream, []es.Record) bool) {
		for stream, records := range b.streams {
			if stream == es.StreamOf(category, stream.ID()) && !yield(stream, records) {
				return
			}
		}
	}
}

// count is how many streams of a category there are.
func (b *book) count(category string) (n int) {
	for range b.streamsOf(category) {
		n++
	}
	return n
}
