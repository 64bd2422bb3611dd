package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/crash"
	"github.com/millrace/millrace/internal/es"
)

// OrderViews keeps the view of orders. It implements es.States and query.Orders.
type OrderViews struct{ Store *Store }

// Load implements es.States.
func (v OrderViews) Load(ctx context.Context, ids []string) (map[string]es.Seen[query.Order], error) {
	seen := make(map[string]es.Seen[query.Order], len(ids))
	for part := range slices.Chunk(ids, maxKeys) {
		args := fill(part)
		rows, err := v.rows(ctx, "SELECT v.id, v.version, v.document FROM order_views v WHERE v.id IN ("+list("?", ",", len(args))+")", args...)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			seen[string(row.ID)] = es.Seen[query.Order]{State: row.Order, Version: row.Version}
		}
	}
	return seen, nil
}

type orderSave struct {
	es.Step[query.Order]
	document []byte
	words    string
}

// Save implements es.States.
func (v OrderViews) Save(ctx context.Context, steps []es.Step[query.Order]) []error {
	crash.Point("view.before")
	errs := saveAll(ctx, v.Store.commits, saveOrderKind, steps, func(s es.Step[query.Order], document []byte) orderSave {
		return orderSave{Step: s, document: document, words: words(s.State.Items)}
	})
	if errors.Join(errs...) == nil {
		crash.Point("view.after")
	}
	return errs
}

// between stands between the texts of an order, so that no phrase reaches from
// one into the next. It is a word that nobody can search for: see wordsIn.
const between = " \ue000 "

// words is what an order can be found by.
func words(cart order.Cart) string {
	var b strings.Builder
	for _, l := range cart {
		b.WriteString(l.Title)
		b.WriteString(between)
		b.WriteString(l.Description)
		b.WriteString(between)
	}
	return b.String()
}

func hash(s string) int64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return int64(h.Sum64())
}

var saveOrderKind = &kind{name: "save order views", writer: 2, run: func(ctx context.Context, t *tx, writes []*write) error {
	saves := argsOf[orderSave](writes)
	ids := make([]string, len(saves))
	for i, s := range saves {
		ids[i] = s.ID
	}
	type stored struct {
		version es.Version
		words   int64
	}
	known := make(map[string]stored, len(ids))
	err := t.lookup(ctx, "SELECT id, version, words FROM order_views"+t.dialect.byKey+" WHERE id IN (%s)"+t.dialect.forUpdate, "?", ",", anys(ids), func(rows *sql.Rows) error {
		var id string
		var s stored
		err := rows.Scan(&id, &s.version, &s.words)
		known[id] = s
		return err
	})
	if err != nil {
		return fmt.Errorf("read versions: %w", err)
	}

	var rows states
	var changed []orderSave // those whose words are to be indexed again
	for i, s := range saves {
		was, found := known[s.ID]
		if was.version != s.From {
			writes[i].err = es.ErrConflict
			continue
		}
		now := stored{s.To, hash(s.words)}
		if !found || was.words != now.words {
			changed = append(changed, s)
		}
		known[s.ID] = now
		rows.add(s.From, s.ID, int64(s.To), string(s.State.Status), s.State.CustomerID, s.State.CreatedAt.UnixMicro(), now.words, s.document)
	}
	err = rows.save(ctx, t, "order_views", "id, version, status, customer_id, created_at, words, document",
		t.dialect.upsert("id", "version", "status", "customer_id", "created_at", "words", "document"))
	if err != nil {
		return err
	}
	if err := t.dialect.search.index(ctx, t, changed); err != nil {
		return fmt.Errorf("index %d orders: %w", len(changed), err)
	}
	return nil
}}

// Order implements query.Orders.
func (v OrderViews) Order(ctx context.Context, id order.ID) (query.OrderRow, error) {
	found, err := v.rows(ctx, "SELECT v.id, v.version, v.document FROM order_views v WHERE v.id = ?", string(id))
	if err != nil {
		return query.OrderRow{}, fmt.Errorf("read order %s: %w", id, err)
	}
	if len(found) == 0 {
		return query.OrderRow{}, query.ErrNotFound
	}
	return found[0], nil
}

// Seen implements query.Orders.
func (v OrderViews) Seen(ctx context.Context, id order.ID) (es.Version, error) {
	var version es.Version
	err := v.Store.queryRow(ctx, "SELECT version FROM order_views WHERE id = ?", []any{string(id)}, &version)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read version of order %s: %w", id, err)
	}
	return version, nil
}

// Versions returns the versions of some orders that the view has seen.
func (v OrderViews) Versions(ctx context.Context, ids []string) (map[string]es.Version, error) {
	seen := make(map[string]es.Version, len(ids))
	for part := range slices.Chunk(ids, maxKeys) {
		args := fill(part)
		rows, err := v.Store.query(ctx, "SELECT id, version FROM order_views WHERE id IN ("+list("?", ",", len(args))+")", args...)
		if err != nil {
			return nil, fmt.Errorf("read versions of %d orders: %w", len(part), err)
		}
		if err := scanVersions(rows, seen); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// scanVersions reads rows of a key and a version.
func scanVersions[K ~string](rows *sql.Rows, seen map[K]es.Version) error {
	defer rows.Close()
	for rows.Next() {
		var key K
		var version es.Version
		if err := rows.Scan(&key, &version); err != nil {
			return fmt.Errorf("scan version: %w", err)
		}
		seen[key] = version
	}
	return errors.Join(rows.Err(), rows.Close())
}

// List implements query.Orders.
func (v OrderViews) List(ctx context.Context, q query.ListOrders) ([]query.OrderRow, error) {
	var c conditions
	if q.Status != "" {
		c.add("v.status = ?", string(q.Status))
	}
	if q.CustomerID != "" {
		c.add("v.customer_id = ?", q.CustomerID)
	}
	if q.CreatedFrom != nil {
		c.add("v.created_at >= ?", ceilMicro(*q.CreatedFrom))
	}
	if q.CreatedTo != nil {
		c.add("v.created_at < ?", ceilMicro(*q.CreatedTo))
	}
	c.after(q.After)
	found, err := v.rows(ctx, "SELECT v.id, v.version, v.document FROM order_views v"+c.where()+
		" ORDER BY v.created_at DESC, v.id DESC LIMIT ?", append(c.args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return found, nil
}

// Search implements query.Orders.
func (v OrderViews) Search(ctx context.Context, q query.SearchOrders) ([]query.OrderRow, error) {
	match, args := v.Store.dialect.search.match(q.Phrase)
	if match == "" {
		return nil, nil
	}
	var c conditions
	c.add(match, args...)
	c.after(q.After)
	found, err := v.rows(ctx, "SELECT v.id, v.version, v.document FROM "+v.Store.dialect.search.from+c.where()+
		" ORDER BY v.created_at DESC, v.id DESC LIMIT ?", append(c.args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("search orders: %w", err)
	}
	return found, nil
}

func (v OrderViews) rows(ctx context.Context, text string, args ...any) ([]query.OrderRow, error) {
	rows, err := v.Store.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []query.OrderRow
	for rows.Next() {
		var row query.OrderRow
		var document []byte
		if err := rows.Scan(&row.ID, &row.Version, &document); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(document, &row.Order); err != nil {
			return nil, fmt.Errorf("decode view of order %s: %w", row.ID, err)
		}
		found = append(found, row)
	}
	return found, errors.Join(rows.Err(), rows.Close())
}

// conditions collects what a WHERE clause asks for.
type conditions struct {
	texts []string
	args  []any
}

func (c *conditions) add(text string, args ...any) {
	c.texts = append(c.texts, text)
	c.args = append(c.args, args...)
}

func (c *conditions) after(p query.Place) {
	if p.ID != "" {
		at := p.CreatedAt.UnixMicro()
		c.add("v.created_at <= ?", at) // which an index serves, unlike the comparison of pairs
		c.add("(v.created_at < ? OR v.id < ?)", at, string(p.ID))
	}
}

func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}

// ceilMicro returns the first microsecond that is not before t, since that is
// what the stored times are counted in.
func ceilMicro(t time.Time) int64 {
	return t.Add(time.Microsecond - time.Nanosecond).UnixMicro()
}
