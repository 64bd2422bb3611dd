package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/go-sql-driver/mysql"
)

// CreateOrder is the command that begins an order. The body of the request is its
// details.
type CreateOrder struct {
	OrderID string `json:"order_id"`
	Details
}

// SubmitOrder is the command that hands an order in.
type SubmitOrder struct {
	OrderID string `json:"order_id"`
}

// OrderCreated is the event of an order that has begun.
type OrderCreated struct {
	OrderID    string    `json:"order_id"`
	OccurredAt time.Time `json:"occurred_at"`
	Details
}

// OrderSubmitted is the event of an order that was handed in.
type OrderSubmitted struct {
	OrderID    string    `json:"order_id"`
	OccurredAt time.Time `json:"occurred_at"`
}

// Details are what a customer says about an order.
type Details struct {
	CustomerID      string          `json:"customer_id"`
	Email           string          `json:"email"`
	Items           json.RawMessage `json:"items"`
	DeliveryAddress json.RawMessage `json:"delivery_address"`
}

// orders holds the events of orders and the view of them.
type orders struct{ db *sql.DB }

var schema = []string{
	`CREATE TABLE IF NOT EXISTS order_events (
		order_id VARCHAR(36) NOT NULL, version INT NOT NULL, type VARCHAR(64) NOT NULL,
		data JSON NOT NULL, occurred_at DATETIME(6) NOT NULL, PRIMARY KEY (order_id, version))`,
	`CREATE TABLE IF NOT EXISTS order_views (
		id VARCHAR(36) NOT NULL PRIMARY KEY, status VARCHAR(16) NOT NULL, customer_id VARCHAR(64) NOT NULL,
		details JSON NOT NULL, updated_at DATETIME(6) NOT NULL, KEY (status), KEY (customer_id))`,
}

func open(ctx context.Context, database string) (*sql.DB, error) {
	c, err := mysql.ParseDSN(database)
	if err != nil {
		return nil, err
	}
	c.ParseTime, c.InterpolateParams = true, true // one round trip for a statement, not three
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	for _, statement := range schema {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// create handles the command that begins an order.
func (o orders) create(events *cqrs.EventBus) func(context.Context, *CreateOrder) error {
	return func(ctx context.Context, c *CreateOrder) error {
		e := &OrderCreated{OrderID: c.OrderID, OccurredAt: time.Now().UTC(), Details: c.Details}
		err := o.inTransaction(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, c.OrderID, 1, e.OccurredAt, e) })
		if err != nil {
			return err
		}
		return events.Publish(ctx, e)
	}
}

// submit handles the command that hands an order in.
func (o orders) submit(events *cqrs.EventBus) func(context.Context, *SubmitOrder) error {
	return func(ctx context.Context, c *SubmitOrder) error {
		e := &OrderSubmitted{OrderID: c.OrderID, OccurredAt: time.Now().UTC()}
		err := o.inTransaction(ctx, func(tx *sql.Tx) error {
			var version int
			const last = "SELECT version FROM order_events WHERE order_id = ? ORDER BY version DESC LIMIT 1 FOR UPDATE"
			if err := tx.QueryRowContext(ctx, last, c.OrderID).Scan(&version); err != nil {
				return fmt.Errorf("submit order %s: %w", c.OrderID, err)
			}
			return insert(ctx, tx, c.OrderID, 2, e.OccurredAt, e)
		})
		if err != nil {
			return err
		}
		return events.Publish(ctx, e)
	}
}

func (o orders) viewCreated(ctx context.Context, e *OrderCreated) error {
	details, err := json.Marshal(e.Details)
	if err != nil {
		return err
	}
	return o.inTransaction(ctx, func(tx *sql.Tx) error {
		const upsert = `INSERT INTO order_views (id, status, customer_id, details, updated_at) VALUES (?, 'draft', ?, ?, ?)
			ON DUPLICATE KEY UPDATE customer_id = VALUES(customer_id), details = VALUES(details)`
		_, err := tx.ExecContext(ctx, upsert, e.OrderID, e.CustomerID, string(details), e.OccurredAt)
		return err
	})
}

func (o orders) viewSubmitted(ctx context.Context, e *OrderSubmitted) error {
	return o.inTransaction(ctx, func(tx *sql.Tx) error {
		const upsert = `INSERT INTO order_views (id, status, customer_id, details, updated_at) VALUES (?, 'submitted', '', '{}', ?)
			ON DUPLICATE KEY UPDATE status = VALUES(status), updated_at = VALUES(updated_at)`
		_, err := tx.ExecContext(ctx, upsert, e.OrderID, e.OccurredAt)
		return err
	})
}

// view returns an order as people see it.
func (o orders) view(ctx context.Context, id string) (map[string]any, error) {
	var (
		status  string
		details json.RawMessage
		updated time.Time
	)
	const read = "SELECT status, details, updated_at FROM order_views WHERE id = ?"
	if err := o.db.QueryRowContext(ctx, read, id).Scan(&status, &details, &updated); err != nil {
		return nil, err
	}
	return map[string]any{"id": id, "status": status, "details": details, "updated_at": updated}, nil
}

// insert adds an event. One that is there already comes from a command that was
// delivered again, and is left as it is.
func insert(ctx context.Context, tx *sql.Tx, id string, version int, at time.Time, e any) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO order_events (order_id, version, type, data, occurred_at) VALUES (?, ?, ?, ?, ?)",
		id, version, marshaler.Name(e), string(data), at)
	if duplicate := new(mysql.MySQLError); errors.As(err, &duplicate) && duplicate.Number == 1062 {
		return nil
	}
	return err
}

func (o orders) inTransaction(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := o.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
