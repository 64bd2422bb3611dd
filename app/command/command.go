// Package command is what can be asked of orders, payments and tickets, one file per
// command, and the one handler that carries all of them out.
package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// Category is the part of an order's stream name before its id.
const Category = "order"

// Command is a request to change one aggregate. It carries everything the decision
// needs, so that deciding does no I/O.
type Command = es.Command

// Decider is a command for aggregates of one kind.
type Decider[S, E any] interface {
	Command

	// Decide returns the events that follow from the command at a time.
	Decide(S, time.Time) ([]E, error)
}

// Checked is a command that can be wrong in itself, whatever state its aggregate is
// in. Whoever takes commands in asks before it sends them.
type Checked interface{ Check() error }

// ForOrders lists every command for an order, once.
func ForOrders() []Decider[order.Order, order.Event] {
	return []Decider[order.Order, order.Event]{
		CreateOrder{}, UpdateCart{}, ChangeDeliveryAddress{}, PayOrder{}, SubmitOrder{},
		ConfirmPayment{}, DeclinePayment{}, ApproveOrder{}, RejectOrder{},
		ShipOrder{}, CompleteOrder{}, CancelOrder{}, RefundOrder{},
	}
}

// ForPayments lists every command for a payment, once.
func ForPayments() []Decider[payment.Payment, payment.Event] {
	return []Decider[payment.Payment, payment.Event]{
		Debit{}, CallOffPayment{}, ConfirmDebit{}, DeclineDebit{},
		Refund{}, ConfirmRefund{}, RefuseRefund{}, SettleRefund{},
	}
}

// ForTickets lists every command for a ticket, once.
func ForTickets() []Decider[ticket.Ticket, ticket.Event] {
	return []Decider[ticket.Ticket, ticket.Event]{OpenTicket{}, AcceptTicket{}, RejectTicket{}, WithdrawTicket{}}
}

// Catalogue lists every command, once.
func Catalogue() []Command {
	return slices.Concat(commands(ForOrders()), commands(ForPayments()), commands(ForTickets()))
}

func commands[S, E any](all []Decider[S, E]) []Command {
	list := make([]Command, len(all))
	for i, c := range all {
		list[i] = c
	}
	return list
}

// Codec turns commands into bytes and back.
type Codec = es.Codec[Command]

// NewCodec returns the codec of the catalogue.
func NewCodec() (*Codec, error) { return es.NewCodec(Catalogue(), Command.CommandType) }

// Seal puts a command into an envelope. The id, where it comes from and when it
// was accepted are the sender's to fill in.
func Seal(codec *Codec, c Command) (es.Envelope, error) { return es.Seal(codec, c) }

// Stream returns the stream of the aggregate that a command is for. What comes
// before the dot in a command's type is the category of what it is for.
func Stream(commandType, target string) es.Stream {
	category, _, _ := strings.Cut(commandType, ".")
	return es.StreamOf(category, target)
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

// Executors of the three kinds of aggregates record what was decided about them.
type (
	Orders   = es.Executor[order.Order, order.Event]
	Payments = es.Executor[payment.Payment, payment.Event]
	Tickets  = es.Executor[ticket.Ticket, ticket.Event]
)

// NewOrders returns the executor for orders.
func NewOrders(c es.ExecutorConfig[order.Event]) *Orders {
	c.Category, c.Begins = Category, begins(CreateOrder{})
	return es.NewExecutor[order.Order](c)
}

// NewPayments returns the executor for payments.
func NewPayments(c es.ExecutorConfig[payment.Event]) *Payments {
	c.Category, c.Begins = payment.Category, begins(Debit{})
	return es.NewExecutor[payment.Payment](c)
}

// NewTickets returns the executor for tickets.
func NewTickets(c es.ExecutorConfig[ticket.Event]) *Tickets {
	c.Category, c.Begins = ticket.Category, begins(OpenTicket{})
	return es.NewExecutor[ticket.Ticket](c)
}

// begins tells which commands are meant for aggregates that do not exist yet.
func begins(first Command) func(commandType string) bool {
	return func(commandType string) bool { return commandType == first.CommandType() }
}

// NewHandler returns the handler that carries out every command for one kind of
// aggregate.
func NewHandler[S es.Folded[S, E], E es.Event](executor *es.Executor[S, E], codec *Codec) Handler {
	return func(ctx context.Context, e es.Envelope) (es.Outcome, error) {
		decoded, err := codec.Decode(e.Type, e.Schema, e.Payload)
		if err != nil {
			return es.Outcome{}, err
		}
		c, ok := decoded.(Decider[S, E])
		if !ok {
			return es.Outcome{}, fmt.Errorf("%s is not a command for %s", e.Type, executor.Category)
		}
		return executor.Execute(ctx, e, c.Decide)
	}
}
