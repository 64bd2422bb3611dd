package command_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// ledger is a store with nothing in it, and a journal; both keep what they get.
type ledger struct {
	es.Store
	es.Journal
	read     []es.Stream
	appended []es.Append
	finished []es.Outcome
}

func (l *ledger) Read(_ context.Context, s es.Stream, _ es.Version) iter.Seq2[es.Record, error] {
	l.read = append(l.read, s)
	return func(func(es.Record, error) bool) {}
}

func (l *ledger) Append(_ context.Context, a es.Append) error {
	l.appended = append(l.appended, a)
	return nil
}

func (l *ledger) Finish(_ context.Context, o es.Outcome) error {
	l.finished = append(l.finished, o)
	return nil
}

// handlers returns a handler for each kind of aggregate, by its category. None of
// their aggregates exists.
func handlers(t *testing.T, l *ledger) map[string]command.Handler {
	t.Helper()
	return map[string]command.Handler{
		command.Category: newHandler(t, l, order.Catalogue(), command.NewOrders),
		payment.Category: newHandler(t, l, payment.Catalogue(), command.NewPayments),
		ticket.Category:  newHandler(t, l, ticket.Catalogue(), command.NewTickets),
	}
}

func newHandler[S es.Folded[S, E], E es.Event](t *testing.T, l *ledger, catalogue []E, executor func(es.ExecutorConfig[E]) *es.Executor[S, E]) command.Handler {
	t.Helper()
	events, err := es.NewCodec(catalogue, E.EventType)
	if err != nil {
		t.Fatal(err)
	}
	return command.NewHandler(executor(es.ExecutorConfig[E]{
		Store: l, Journal: l, Codec: events,
		Now: func() time.Time { return noon }, NewID: func() string { return "e-1" },
	}), newCodec(t))
}

// The first command of each kind of aggregate begins the stream that its handler
// names after the aggregate. There is nothing to read before that.
func TestHandlerCarriesOutWhatWasSealed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		category, target string
		event            string
	}{
		"order.create":  {command.Category, string(id), "order.created"},
		"payment.debit": {payment.Category, string(paymentID), "payment.debit_requested"},
		"ticket.open":   {ticket.Category, string(ticketID), "ticket.opened"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &ledger{}
			sealed, err := command.Seal(newCodec(t), written[name+".v1"])
			if err != nil || sealed.Type != name || sealed.Target != test.target {
				t.Fatalf("sealed %+v, %v, want %s for %s", sealed, err, name, test.target)
			}
			sealed.ID = "c-1"
			o, err := handlers(t, l)[test.category](t.Context(), sealed)
			want := es.Outcome{CommandID: "c-1", CommandType: name, Target: test.target, Status: es.StatusSucceeded, Version: 1}
			if err != nil || o != want {
				t.Errorf("got %+v, %v, want %+v", o, err, want)
			}
			stream := es.StreamOf(test.category, test.target)
			if len(l.appended) != 1 || l.appended[0].Stream != stream || l.appended[0].Records[0].Type != test.event {
				t.Errorf("appended %+v, want %s in %s", l.appended, test.event, stream)
			}
			if len(l.read) > 0 {
				t.Errorf("read %v before there was anything", l.read)
			}
		})
	}
}

// Each command is carried out on an aggregate that does not exist, which those
// that need one refuse with a code of the domain.
func TestEveryCommandReachesItsDecision(t *testing.T) {
	t.Parallel()
	needNothing := map[string]string{
		"order.create": "order.created", "payment.debit": "payment.debit_requested", "payment.call_off": "payment.called_off",
		"ticket.open": "ticket.opened", "ticket.withdraw": "ticket.withdrawn",
	}
	for _, c := range written {
		t.Run(c.CommandType(), func(t *testing.T) {
			t.Parallel()
			l := &ledger{}
			category, _, _ := strings.Cut(c.CommandType(), ".")
			o, err := handlers(t, l)[category](t.Context(), sealed(t, c))
			if err != nil {
				t.Fatal(err)
			}
			if event, ok := needNothing[c.CommandType()]; ok {
				if o.Status != es.StatusSucceeded || len(l.appended) != 1 || l.appended[0].Records[0].Type != event {
					t.Errorf("got %+v with %+v and appended %+v, want %s", o, o.Problem, l.appended, event)
				}
				return
			}
			if code := category + "_not_found"; o.Status != es.StatusRejected || o.Problem.Code != code || !reflect.DeepEqual(l.finished, []es.Outcome{o}) {
				t.Errorf("got %+v with %+v and recorded %+v, want %s", o, o.Problem, l.finished, code)
			}
		})
	}
}

func sealed(t *testing.T, c command.Command) es.Envelope {
	t.Helper()
	e, err := command.Seal(newCodec(t), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A command that reaches the handler of another kind of aggregate is no answer of
// the business: whoever sent it there made a mistake, and nothing is recorded.
func TestHandlerFailsWhatIsForAnotherKindOfAggregate(t *testing.T) {
	t.Parallel()
	for _, c := range written {
		category, _, _ := strings.Cut(c.CommandType(), ".")
		l := &ledger{}
		for other, handle := range handlers(t, l) {
			if other == category {
				continue
			}
			o, err := handle(t.Context(), sealed(t, c))
			if want := c.CommandType() + " is not a command for " + other; err == nil || err.Error() != want || o != (es.Outcome{}) {
				t.Errorf("the handler of %s says %+v, %v to %s, want the error %q", other, o, err, c.CommandType(), want)
			}
		}
		if len(l.appended)+len(l.finished) > 0 {
			t.Errorf("%s was recorded: %v, %v", c.CommandType(), l.appended, l.finished)
		}
	}
}

func TestHandlerHasNoOutcomeForWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]es.Envelope{
		"an unknown command": {ID: "c-1", Type: "order.frobnicate", Target: "7", Schema: 1, Payload: []byte(`{}`)},
		"a damaged payload":  {ID: "c-1", Type: "order.approve", Target: "7", Schema: 1, Payload: []byte(`{`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &ledger{}
			if o, err := handlers(t, l)[command.Category](t.Context(), e); err == nil || o != (es.Outcome{}) || len(l.appended)+len(l.finished) > 0 {
				t.Errorf("got %+v, %v and recorded %v, %v, want an error and nothing recorded", o, err, l.appended, l.finished)
			}
		})
	}
}

func TestDecorateCallsTheFirstDecoratorFirst(t *testing.T) {
	t.Parallel()
	var called []string
	decorator := func(name string) func(command.Handler) command.Handler {
		return func(next command.Handler) command.Handler {
			return func(ctx context.Context, e es.Envelope) (es.Outcome, error) {
				called = append(called, name)
				return next(ctx, e)
			}
		}
	}
	enough := errors.New("enough")
	h := command.Decorate(func(context.Context, es.Envelope) (es.Outcome, error) {
		called = append(called, "handler")
		return es.Outcome{}, fmt.Errorf("handle: %w", enough)
	}, decorator("outer"), decorator("inner"))
	if _, err := h(t.Context(), es.Envelope{}); !errors.Is(err, enough) {
		t.Errorf("got %v, want the handler's error", err)
	}
	if want := []string{"outer", "inner", "handler"}; !slices.Equal(called, want) {
		t.Errorf("called %v, want %v", called, want)
	}
}
