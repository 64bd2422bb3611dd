package query

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/domain/order"
)

// What a question can go without an answer for.
var (
	// ErrNotFound says that there is no such order, or was none at that time.
	ErrNotFound = errors.New("no such order")

	// ErrNoSuchVersion says that the order has not come that far.
	ErrNoSuchVersion = errors.New("the order has no such version")
)

// Place is where a page of a list ends and the next one begins: the time at which
// the last of what it holds was created, and its id. The zero Place is the
// beginning.
type Place struct {
	CreatedAt time.Time
	ID        string
}

// ListOrders asks for orders that match every field that is set, newest first.
type ListOrders struct {
	Status      order.Status
	CustomerID  string
	CreatedFrom *time.Time // inclusive
	CreatedTo   *time.Time // exclusive
	After       Place
	Limit       int
}

// SearchOrders asks for orders whose items' titles or descriptions hold the
// words of a phrase next to each other, the last of them perhaps only begun.
type SearchOrders struct {
	Phrase string
	After  Place
	Limit  int
}

// Orders answers questions from the view of orders.
type Orders interface {
	// Order returns one order, or ErrNotFound.
	Order(context.Context, order.ID) (OrderRow, error)

	// List returns at most Limit orders.
	List(context.Context, ListOrders) ([]OrderRow, error)

	// Search returns at most Limit orders.
	Search(context.Context, SearchOrders) ([]OrderRow, error)
}
