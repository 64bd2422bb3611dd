// Package command is what can be asked of an order, one file per command, and
// the one handler that carries all of them out.
package command

import (
	"context"
	"slices"
	"time"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// Category is the part of an order's stream name before its id.
const Category = "order"

// Command is a request to change one order. It carries everything the decision
// needs, so that deciding does no I/O.
type Command interface {
	// CommandType is the name the command is journaled and sent under.
	CommandType() string

	// Target is the order that the command is for.
	Target() order.ID

	// Decide returns the events that follow from the command at a time.
	Decide(order.Order, time.Time) ([]order.Event, error)
}

// Checked is a command that can be wrong in itself, whatever state its order is
// in. Whoever takes commands in asks before it sends them.
type Checked interface{ Check() error }

// Catalogue lists every command, once.
func Catalogue() []Command {
	return []Command{
		CreateOrder{}, UpdateCart{}, ChangeDeliveryAddress{}, PayOrder{}, SubmitOrder{},
		ConfirmPayment{}, DeclinePayment{}, ApproveOrder{}, RejectOrder{},
		ShipOrder{}, CompleteOrder{}, CancelOrder{}, RefundOrder{},
	}
}

// Codec turns commands into bytes and back.
type Codec = es.Codec[Command]

// NewCodec returns the codec of the catalogue.
func NewCodec() (*Codec, error) { return es.NewCodec(Catalogue(), Command.CommandType) }

// Seal puts a command into an envelope. The id, where it comes from and when it
// was accepted are the sender's to fill in.
func Seal(codec *Codec, c Command) (es.Envelope, error) {
	name, schema, payload, err := codec.Encode(c)
	if err != nil {
		return es.Envelope{}, err
	}
	return es.Envelope{Type: name, Target: string(c.Target()), Schema: schema, Payload: payload}, nil
}

// Handler carries out a command and says what became of it. An error means that
// there is no outcome yet. Decorators have this type too.
type Handler func(context.Context, es.Envelope) (es.Outcome, error)

// Decorate wraps a handler in decorators; the first one listed is outermost.
func Decorate(h Handler, decorators ...func(Handler) Handler) Handler {
	for _, d := range slices.Backward(decorators) {
		h = d(h)
	}
	return h
}

// Orders records what was decided about orders.
type Orders = es.Executor[order.Order, order.Event]

// NewOrders returns the executor for orders.
func NewOrders(c es.ExecutorConfig[order.Event]) *Orders {
	c.Category = Category
	c.Begins = func(commandType string) bool { return commandType == CreateOrder{}.CommandType() }
	return es.NewExecutor[order.Order](c)
}

// NewHandler returns the one handler that carries out every command.
func NewHandler(orders *Orders, codec *Codec) Handler {
	return func(ctx context.Context, e es.Envelope) (es.Outcome, error) {
		c, err := codec.Decode(e.Type, e.Schema, e.Payload)
		if err != nil {
			return es.Outcome{}, err
		}
		return orders.Execute(ctx, e, c.Decide)
	}
}
