package process_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/process"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
)

var (
	noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	ten  = order.Money{Amount: 1000, Currency: "EUR"}

	created   = order.Created{CustomerID: "c-42", Total: ten, At: noon}
	submitted = order.Submitted{At: noon}
	requested = order.PaymentRequested{PaymentID: "pay-1", Method: "tok_ok", Amount: ten, At: noon}
	paid      = order.Paid{PaymentID: "pay-1", Amount: ten, At: noon}
	failed    = order.PaymentFailed{PaymentID: "pay-1", Reason: "no funds", At: noon}
	approved  = order.Approved{At: noon}
	rejected  = order.Rejected{Reason: "no oven", At: noon}
	canceled  = order.Canceled{Reason: "not hungry", At: noon}
	refunded  = order.Refunded{PaymentID: "pay-1", Amount: ten, At: noon}

	errBroken = errors.New("broken")
)

func newCodec(t *testing.T) *command.Codec {
	t.Helper()
	codec, err := command.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// scenario shows a process the events of order 7, one after the other, and keeps
// what it answers.
type scenario[S es.Folded[S, order.Event]] struct {
	t    *testing.T
	sent []es.Envelope
	err  error
}

// given lets a process see some events. It stops at the first error.
func given[S es.Folded[S, order.Event]](t *testing.T, react process.Reactions[S], events ...order.Event) scenario[S] {
	t.Helper()
	var state S
	s := scenario[S]{t: t}
	for i, e := range events {
		state = state.Evolve(e)
		sent, err := react(t.Context(), state, e, record(i, e))
		if err != nil {
			return scenario[S]{t: t, sent: s.sent, err: err}
		}
		s.sent = append(s.sent, sent...)
	}
	return s
}

// record is what the store holds of an event of order 7.
func record(i int, e order.Event) es.Record {
	return es.Record{
		ID: fmt.Sprintf("event-%d", i+1), Stream: "order-7", Version: es.Version(i + 1), Type: e.EventType(),
		Metadata:   es.Metadata{CommandID: "c-1", CorrelationID: "r-1", CausationID: "m-1", Traceparent: "00-aa-bb-01", Actor: "ann"},
		OccurredAt: noon.Add(time.Duration(i) * time.Second),
	}
}

// then wants exactly these commands.
func (s scenario[S]) then(want ...command.Command) {
	s.t.Helper()
	if s.err != nil {
		s.t.Fatalf("got the error %v, want %s", s.err, show(want))
	}
	var got []command.Command
	for _, e := range s.sent {
		c, err := newCodec(s.t).Decode(e.Type, 1, e.Payload)
		if err != nil {
			s.t.Fatal(err)
		}
		if e.Target != "7" || c.Target() != "7" {
			s.t.Errorf("%s aims at %q and %q, want 7", e.Type, e.Target, c.Target())
		}
		got = append(got, c)
	}
	if !reflect.DeepEqual(got, want) {
		s.t.Errorf("sent\n%s\nwant\n%s", show(got), show(want))
	}
}

// thenFails wants this error.
func (s scenario[S]) thenFails(want error) {
	s.t.Helper()
	if !errors.Is(s.err, want) {
		s.t.Errorf("got the error %v, want %v", s.err, want)
	}
}

func show(commands []command.Command) string {
	if len(commands) == 0 {
		return "\tno commands"
	}
	var lines []string
	for _, c := range commands {
		lines = append(lines, fmt.Sprintf("\t%T%+v", c, c))
	}
	return strings.Join(lines, "\n")
}

// till is a gateway that writes down what it is asked for.
type till struct {
	charge error // the answer to every charge
	refund error // the answer to every refund
	asked  []string
}

func (g *till) Charge(_ context.Context, payment, method string, amount order.Money) error {
	g.asked = append(g.asked, fmt.Sprintf("charge %s %s %d %s", payment, method, amount.Amount, amount.Currency))
	return g.charge
}

func (g *till) Refund(_ context.Context, payment string, amount order.Money) error {
	g.asked = append(g.asked, fmt.Sprintf("refund %s %d %s", payment, amount.Amount, amount.Currency))
	return g.refund
}

// wantAsked wants the gateway to have been asked for these things, in this order.
func (g *till) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(g.asked, want) {
		t.Errorf("the gateway was asked for %q, want %q", g.asked, want)
	}
}
