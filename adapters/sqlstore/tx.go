package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
)

// tx is the writer's connection with the statements prepared on it.
type tx struct {
	conn    *sql.Conn
	dialect dialect
	stmts   map[string]*sql.Stmt

	// The texts of statements for many keys or rows, since to make one takes
	// longer than to find it.
	lookups map[shape]string
	inserts map[insertShape]string

	// assumes tells whether what is probably new may be inserted without a look:
	// a key that is there already fails the transaction, which is run again with
	// all looks then.
	assumes bool

	later []statement // what is still to be sent, see write
	size  int         // about how many bytes that is
}

// statement is a change that nobody asks the result of.
type statement struct {
	text string
	args []any
}

// maxPacket is about how many bytes are sent at once. The smallest limit of a
// server by default is 16 MB, and bytes that have to be escaped are twice as many.
const maxPacket = 4 << 20

// write makes a change. Where each statement goes to a server it is sent together
// with those before and after it, at the latest with the COMMIT, so that they share
// one round trip.
func (t *tx) write(ctx context.Context, text string, args ...any) error {
	if !t.dialect.remote {
		_, err := t.exec(ctx, text, args...)
		return err
	}
	t.later = append(t.later, statement{text, args})
	for _, a := range args {
		switch a := a.(type) {
		case []byte:
			t.size += len(a)
		case string:
			t.size += len(a)
		}
	}
	if t.size < maxPacket {
		return nil
	}
	return t.flush(ctx)
}

// flush sends what is still to be sent.
func (t *tx) flush(ctx context.Context) error {
	later := t.later
	t.later, t.size = nil, 0
	if len(later) == 0 {
		return nil
	}
	texts := make([]string, len(later))
	var args []any
	for i, s := range later {
		texts[i] = s.text
		args = append(args, s.args...)
	}
	_, err := t.conn.ExecContext(ctx, strings.Join(texts, "; "), args...)
	return err
}

// commit ends the transaction. With an error comes whether it may have been
// committed all the same.
func (t *tx) commit(ctx context.Context) (unknown bool, err error) {
	if !t.dialect.remote {
		err = t.control(ctx, "COMMIT")
		return err != nil, err
	}
	t.later = append(t.later, statement{text: "COMMIT"})
	err = t.flush(ctx)
	return err != nil && !t.dialect.refused(err), err
}

func (t *tx) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := t.stmts[text]; ok {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	t.stmts[text] = stmt
	return stmt, nil
}

// control runs a statement that begins or ends a transaction, if there is one.
func (t *tx) control(ctx context.Context, text string) error {
	if text == "" {
		return nil
	}
	_, err := t.conn.ExecContext(ctx, text)
	return err
}

func (t *tx) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	stmt, err := t.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (t *tx) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	stmt, err := t.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// close gives the connection back.
func (t *tx) close() {
	if t == nil {
		return
	}
	t.closeStatements()
	_ = t.conn.Close() // back into the pool, which is closed next
}

func (t *tx) closeStatements() {
	for _, stmt := range t.stmts {
		_ = stmt.Close() // nothing is left to be done with it
	}
}

// broken throws the connection away: what is left of its transaction must not
// leak into the next one.
func (t *tx) broken() *tx {
	t.closeStatements()                                          // before the connection they were prepared on is gone
	_ = t.conn.Raw(func(any) error { return driver.ErrBadConn }) // says ErrBadConn, as asked
	_ = t.conn.Close()                                           // has been closed by now
	return nil
}
