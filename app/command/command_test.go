package command_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

// ledger is a store with nothing in it, and a journal; both keep what they get.
type ledger struct {
	es.Store
	es.Journal
	appended []es.Append
	finished []es.Outcome
}

func (*ledger) Read(context.Context, es.Stream, es.Version) iter.Seq2[es.Record, error] {
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

func newHandler(t *testing.T, l *ledger) command.Handler {
	t.Helper()
	events, err := es.NewCodec(order.Catalogue(), order.Event.EventType)
	if err != nil {
		t.Fatal(err)
	}
	return command.NewHandler(command.NewOrders(es.ExecutorConfig[order.Event]{
		Store: l, Journal: l, Codec: events,
		Now: func() time.Time { return noon }, NewID: func() string { return "e-1" },
	}), newCodec(t))
}

func TestHandlerCarriesOutWhatWasSealed(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	sealed, err := command.Seal(newCodec(t), written["order.create.v1"])
	if err != nil || sealed.Type != "order.create" || sealed.Target != string(id) {
		t.Fatalf("sealed %+v, %v, want order.create for %s", sealed, err, id)
	}
	sealed.ID = "c-1"
	o, err := newHandler(t, l)(t.Context(), sealed)
	want := es.Outcome{CommandID: "c-1", CommandType: "order.create", Target: string(id), Status: es.StatusSucceeded, Version: 1}
	if err != nil || o != want {
		t.Errorf("got %+v, %v, want %+v", o, err, want)
	}
	if len(l.appended) != 1 || l.appended[0].Stream != "order-"+es.Stream(id) || l.appended[0].Records[0].Type != "order.created" {
		t.Errorf("appended %+v, want order.created", l.appended)
	}
}

// Each command is carried out on an order that does not exist, which all but one
// of them refuse with a code of the domain.
func TestEveryCommandReachesItsDecision(t *testing.T) {
	t.Parallel()
	for _, c := range written {
		t.Run(c.CommandType(), func(t *testing.T) {
			t.Parallel()
			l := &ledger{}
			sealed, err := command.Seal(newCodec(t), c)
			if err != nil {
				t.Fatal(err)
			}
			o, err := newHandler(t, l)(t.Context(), sealed)
			if err != nil {
				t.Fatal(err)
			}
			if c.CommandType() == "order.create" {
				return
			}
			if o.Status != es.StatusRejected || o.Problem.Code != "order_not_found" || !reflect.DeepEqual(l.finished, []es.Outcome{o}) {
				t.Errorf("got %+v with %+v and recorded %+v, want order_not_found", o, o.Problem, l.finished)
			}
		})
	}
}

func TestEveryCommandHandsOnAllItSays(t *testing.T) {
	t.Parallel()
	var (
		draft     = order.Created{CustomerID: "c-42", Email: "ann@example.com", Cart: cart, Total: total, DeliveryAddress: home, At: noon}
		submitted = order.Submitted{At: noon}
		requested = order.PaymentRequested{PaymentID: "pay-1", Method: "tok_ok", Amount: total, At: noon}
		paid      = order.Paid{PaymentID: "pay-1", Amount: total, At: noon}
		approved  = order.Approved{At: noon}
		shipped   = order.Shipped{Carrier: "bike", TrackingNumber: "t-7", At: noon}
		canceled  = order.Canceled{Reason: "not hungry", At: noon}
	)
	for name, test := range map[string]struct{ given, want []order.Event }{
		"order.create":                  {nil, []order.Event{draft}},
		"order.update_cart":             {[]order.Event{draft}, []order.Event{order.CartUpdated{Cart: cart, Total: total, At: noon}}},
		"order.change_delivery_address": {[]order.Event{draft}, []order.Event{order.DeliveryAddressChanged{DeliveryAddress: home, At: noon}}},
		"order.pay":                     {[]order.Event{draft}, []order.Event{requested}},
		"order.submit":                  {[]order.Event{draft}, []order.Event{submitted, requested}},
		"order.confirm_payment":         {[]order.Event{draft, requested}, []order.Event{paid}},
		"order.decline_payment":         {[]order.Event{draft, requested}, []order.Event{order.PaymentFailed{PaymentID: "pay-1", Reason: "no funds", At: noon}}},
		"order.approve":                 {[]order.Event{draft, submitted, requested, paid}, []order.Event{approved}},
		"order.reject":                  {[]order.Event{draft, submitted, requested, paid}, []order.Event{order.Rejected{Reason: "no oven", At: noon}}},
		"order.ship":                    {[]order.Event{draft, submitted, requested, paid, approved}, []order.Event{shipped}},
		"order.complete":                {[]order.Event{draft, submitted, requested, paid, approved, shipped}, []order.Event{order.Completed{DeliveredAt: noon, At: noon}}},
		"order.cancel":                  {[]order.Event{draft}, []order.Event{canceled}},
		"order.refund":                  {[]order.Event{draft, requested, paid, canceled}, []order.Event{order.Refunded{PaymentID: "pay-1", Amount: total, At: noon}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := written[name+".v1"].Decide(es.Fold(order.Order{}, test.given...), noon)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n\t%+v, %v\nwant\n\t%+v", got, err, test.want)
			}
		})
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
			if o, err := newHandler(t, l)(t.Context(), e); err == nil || o != (es.Outcome{}) || len(l.appended)+len(l.finished) > 0 {
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
