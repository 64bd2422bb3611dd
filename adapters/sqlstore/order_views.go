package sqlstore

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// OrderViews keeps the view of orders. It implements es.States and query.Orders.
type OrderViews struct{ Store *Store }

var orderView = newView(view[query.Order, query.OrderRow]{
	viewTable: viewTable{
		name: "order_views", columns: []string{"status", "customer_id", "created_at", "words"},
		mark: "words", index: func(ctx context.Context, t *tx, changed []viewSave) error {
			if err := t.dialect.search.index(ctx, t, changed); err != nil {
				return fmt.Errorf("index %d orders: %w", len(changed), err)
			}
			return nil
		},
	},
	values: func(o query.Order) viewSave {
		words := words(o.Items)
		mark := hash(words)
		return viewSave{
			values: []any{string(o.Status), o.CustomerID, o.CreatedAt.UnixMicro(), mark},
			mark:   mark, words: words,
		}
	},
	row: func(id string, version es.Version, o query.Order) query.OrderRow {
		return query.OrderRow{ID: order.ID(id), Version: version, Order: o}
	},
	none: query.ErrNotFound,
})

// Load implements es.States.
func (v OrderViews) Load(ctx context.Context, ids []string) (map[string]es.Seen[query.Order], error) {
	return orderView.load(ctx, v.Store, ids)
}

// Save implements es.States.
func (v OrderViews) Save(ctx context.Context, steps []es.Step[query.Order]) []error {
	return orderView.save(ctx, v.Store, steps)
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

// Order implements query.Orders.
func (v OrderViews) Order(ctx context.Context, id order.ID) (query.OrderRow, error) {
	return orderView.one(ctx, v.Store, string(id))
}

// List implements query.Orders.
func (v OrderViews) List(ctx context.Context, q query.ListOrders) ([]query.OrderRow, error) {
	var c conditions
	index := "newest"
	if q.Status != "" {
		c.add("v.status = ?", string(q.Status))
		index = "status"
	}
	if q.CustomerID != "" {
		c.add("v.customer_id = ?", q.CustomerID)
		index = "customer" // who mostly has fewer orders than a status has
	}
	if q.CreatedFrom != nil {
		c.add("v.created_at >= ?", ceilMicro(*q.CreatedFrom))
	}
	if q.CreatedTo != nil {
		c.add("v.created_at < ?", ceilMicro(*q.CreatedTo))
	}
	c.before(q.After)
	found, err := orderView.page(ctx, v.Store, index, c, newestFirst, q.Limit)
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
	c.before(q.After)
	found, err := orderView.find(ctx, v.Store, v.Store.dialect.search.from+c.where()+newestFirst, append(c.args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("search orders: %w", err)
	}
	return found, nil
}

// ceilMicro returns the first microsecond that is not before t, since that is
// what the stored times are counted in.
func ceilMicro(t time.Time) int64 {
	return t.Add(time.Microsecond - time.Nanosecond).UnixMicro()
}
