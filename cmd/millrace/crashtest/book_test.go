package crashtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/internal/es"
)

// book is everything that a database file holds, as of one moment.
type book struct {
	streams    map[es.Stream][]es.Record // every stream's events in the order of their versions
	commands   map[string]command
	outcomes   map[string]outcome
	unfinished map[string]bool
	outbox     []run
	feed       []place
	views      map[string]viewRow
	processes  map[processKey]processRow
	found      map[string][]int64 // the rows of the search index by what they are found by
	letters    int                // dead letters
	integrity  string             // what the database says of itself
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

type viewRow struct {
	seq                int64
	version            es.Version
	status, customerID string
	createdAt          int64
	document           string
}

type processKey struct{ name, id string }

type processRow struct {
	version es.Version
	state   string
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

// readBook reads a database file.
func readBook(file string) (b *book, err error) {
	db, err := openBook(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	b = &book{
		streams: map[es.Stream][]es.Record{}, commands: map[string]command{}, outcomes: map[string]outcome{},
		unfinished: map[string]bool{}, views: map[string]viewRow{}, processes: map[processKey]processRow{}, found: map[string][]int64{},
	}
	for _, read := range []func(*sql.Tx) error{b.readEvents, b.readJournal, b.readRelay, b.readFolds, b.readSearch, b.readRest} {
		if err := read(tx); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
	}
	return b, nil
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
		b.streams[r.Stream] = append(b.streams[r.Stream], r)
		return json.Unmarshal(metadata, &b.streams[r.Stream][len(b.streams[r.Stream])-1].Metadata)
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

func (b *book) readFolds(tx *sql.Tx) error {
	return errors.Join(
		each(tx, func(scan func(...any) error) error {
			var id string
			var v viewRow
			err := scan(&id, &v.seq, &v.version, &v.status, &v.customerID, &v.createdAt, &v.document)
			b.views[id] = v
			return err
		}, "SELECT id, seq, version, status, customer_id, created_at, document FROM order_views"),
		each(tx, func(scan func(...any) error) error {
			var k processKey
			var p processRow
			err := scan(&k.name, &k.id, &p.version, &p.state)
			b.processes[k] = p
			return err
		}, "SELECT name, id, version, state FROM processes"),
	)
}

// readSearch looks every order up by its title, as a customer would.
func (b *book) readSearch(tx *sql.Tx) error {
	for id, records := range b.streams {
		key, err := keyOf(records)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		for _, word := range []string{wordBefore, wordAfter} {
			title := key + " " + word
			err := each(tx, func(scan func(...any) error) error {
				var seq int64
				err := scan(&seq)
				b.found[title] = append(b.found[title], seq)
				return err
			}, "SELECT rowid FROM order_search WHERE order_search MATCH ?", `"`+title+`"`)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *book) readRest(tx *sql.Tx) error {
	return errors.Join(
		tx.QueryRow("SELECT COUNT(*) FROM dead_letters").Scan(&b.letters),
		tx.QueryRow("PRAGMA integrity_check").Scan(&b.integrity),
	)
}

func jsonOf(words []string) string {
	text, err := json.Marshal(words)
	if err != nil {
		panic(err) // words always can be encoded
	}
	return string(text)
}

// quiet says what a service on a database file is still to do, or nil.
func quiet(db *sql.DB) error {
	var unfinished, outbox, feed, views, processes int
	err := db.QueryRow(`WITH heads AS (SELECT SUBSTR(stream, 7) AS id, MAX(version) AS version FROM events GROUP BY stream),
		answers AS (SELECT 'checkout' AS name, value AS type FROM json_each(?) UNION ALL SELECT 'payments', value FROM json_each(?)),
		due AS (SELECT a.name, SUBSTR(e.stream, 7) AS id, MAX(e.version) AS version
			FROM events e JOIN answers a ON a.type = e.type GROUP BY a.name, e.stream)
		SELECT (SELECT COUNT(*) FROM unfinished_commands), (SELECT COUNT(*) FROM outbox),
			(SELECT COUNT(*) FROM events) - (SELECT COUNT(*) FROM feed),
			(SELECT COUNT(*) FROM heads LEFT JOIN order_views v ON v.id = heads.id WHERE v.version IS NOT heads.version),
			(SELECT COUNT(*) FROM due LEFT JOIN processes p ON p.id = due.id AND p.name = due.name
				WHERE COALESCE(p.version, 0) < due.version)`, jsonOf(process.CheckoutEvents()), jsonOf(process.PaymentsEvents())).
		Scan(&unfinished, &outbox, &feed, &views, &processes)
	if err != nil {
		return fmt.Errorf("ask what is left to do: %w", err)
	}
	if unfinished+outbox+views+processes > 0 || feed != 0 {
		return fmt.Errorf("%d commands without an outcome, %d appends in the outbox, %d events not in the feed, %d views and %d processes behind",
			unfinished, outbox, feed, views, processes)
	}
	return nil
}
