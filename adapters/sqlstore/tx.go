package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
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
	stmt, err := t.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (t *tx) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
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
