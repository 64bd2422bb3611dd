package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect is what differs between databases.
type dialect struct {
	name  string // of its migrations
	goose goose.Dialect

	// open makes a pool for what stands after the scheme of an address.
	open func(address string) (*sql.DB, error)

	// absent tells whether open would make a database. Where there is no such function,
	// it never does.
	absent func(address string) bool

	// migrator makes a pool for statements that take long, as changes of the schema
	// may. Where there is none, the other pool does.
	migrator func(address string) (*sql.DB, error)

	// check tells whether what is committed stays, and whatever else has to be
	// true of the server.
	check func(context.Context, *sql.DB) error

	// once runs a function that no other process runs at the same time.
	once func(ctx context.Context, db *sql.DB, run func() error) error

	writers   int    // how many connections write, of 4 at most that have something to do
	writer    string // a statement for the connection that writes, or none
	begin     string // the statement that begins a transaction; none if one begins by itself
	byKey     string // what to append to a table of which rows are locked by their keys
	through   string // what to append to a table to read it through an index, with %s for its name
	forUpdate string // what to append to a SELECT of rows that are to be changed
	tables    string // a query that counts the tables with a name
	now       string // the database's time in microseconds since 1970, as an expression
	rows      int    // how many rows to insert with one statement, a power of two
	remote    bool   // whether each statement goes to a server
	interrupt bool   // whether a context can stop a query cheaply

	// remove returns a frame (see shape) that deletes rows by their keys, with the
	// form of its items.
	remove                      func(table, key string) string
	removeItem, removeSeparator string

	// upsert returns what to append to an INSERT so that it replaces columns of a
	// row with the same key.
	upsert func(key string, columns ...string) string

	// versions is a frame (see shape) for a query of the last versions of
	// streams, with the form of its items. It may leave out streams that are empty.
	versions, versionsItem, versionsSeparator string

	// tails returns a query for the ends of n streams, whose arguments are a
	// stream, and the versions after which and up to which, each n times.
	tails func(n int) string

	// again tells whether a transaction that failed may succeed when it is run
	// again as a whole.
	again func(error) bool

	// refused tells whether the server has refused a statement, which ends in no
	// commit; any other error of a commit leaves that open.
	refused func(error) bool

	// stuck tells whether a transaction has waited for another one for too long.
	stuck func(error) bool

	search search
}

// search is how a database finds orders by their words.
type search struct {
	// index replaces the words of orders.
	index func(context.Context, *tx, []viewSave) error

	// from is what to join with order_views v.
	from string

	// match returns a condition for a phrase, or "" if no order can have it.
	match func(phrase string) (condition string, args []any)
}

var dialects = map[string]dialect{"sqlite": sqlite, "mysql": mySQL}

// Schemes returns the beginnings of the addresses that Open knows.
func Schemes() []string {
	all := slices.Sorted(maps.Keys(dialects))
	for i := range all {
		all[i] += ":"
	}
	return all
}

// never is the answer of databases with one writer to what may be in its way.
func never(error) bool { return false }

// assign returns what an upsert does with its columns. The form has one %s or
// more, for a column's name.
func assign(form string, columns []string) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = strings.ReplaceAll(form, "%s", c)
	}
	return strings.Join(all, ", ")
}
