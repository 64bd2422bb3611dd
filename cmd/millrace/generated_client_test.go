package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	contract "github.com/millrace/millrace/api/client"
)

func TestGeneratedClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	checked := s.client(t)
	c, err := contract.NewClientWithResponses(s.public+"/v1", contract.WithHTTPClient(checked.http))
	if err != nil {
		t.Fatal(err)
	}

	created, err := c.CreateOrderWithResponse(t.Context(), &contract.CreateOrderParams{
		Prefer: new("return=representation"), IdempotencyKey: new(newID()),
	}, newOrder())
	if err != nil || created.JSON201 == nil {
		t.Fatalf("create: %v %s", err, created.GetBody())
	}
	draft, err := created.JSON201.AsOrder()
	if err != nil || draft.Status != contract.OrderStatusDraft {
		t.Fatalf("created %+v, %v, want a draft", draft, err)
	}
	id := draft.ID

	for _, step := range []struct {
		name string
		ask  func(context.Context) (*http.Response, error)
	}{
		{"update the cart", func(ctx context.Context) (*http.Response, error) {
			return c.UpdateCart(ctx, id, &contract.UpdateCartParams{IfMatch: new(`"1"`)}, contract.Cart{Items: []contract.Item{margherita(1)}})
		}},
		{"change the address", func(ctx context.Context) (*http.Response, error) {
			return c.ChangeDeliveryAddress(ctx, id, nil, newOrder().DeliveryAddress)
		}},
		{"pay", func(ctx context.Context) (*http.Response, error) {
			return c.PayOrder(ctx, id, nil, contract.PayOrder{PaymentMethod: "tok_ok"})
		}},
		{"submit", func(ctx context.Context) (*http.Response, error) {
			return c.SubmitOrder(ctx, id, nil, contract.SubmitOrder{})
		}},
	} {
		wantOutcome(t, step.name, step.ask)
	}
	checked.awaitStatus("/v1/orders/"+id, "approved", "paid")
	wantOutcome(t, "ship", func(ctx context.Context) (*http.Response, error) {
		return c.ShipOrder(ctx, id, nil, contract.ShipOrder{Carrier: new("bike")})
	})
	done := wantOutcome(t, "complete", func(ctx context.Context) (*http.Response, error) {
		return c.CompleteOrder(ctx, id, nil, contract.CompleteOrder{})
	})

	command, err := c.GetCommandWithResponse(t.Context(), done.CommandID)
	if err != nil || command.JSON200 == nil || command.JSON200.Status != contract.CommandStatusSucceeded {
		t.Fatalf("read the command: %v %s", err, command.GetBody())
	}
	token := command.HTTPResponse.Header.Get("Consistency-Token")
	got, err := c.GetOrderWithResponse(t.Context(), id, &contract.GetOrderParams{ConsistencyToken: &token})
	if err != nil || got.JSON200 == nil || got.JSON200.Status != contract.OrderStatusCompleted {
		t.Fatalf("read the order: %v %s", err, got.GetBody())
	}
	history, err := c.ListOrderEventsWithResponse(t.Context(), id, nil)
	if err != nil || history.JSON200 == nil || int64(len(history.JSON200.Data)) != got.JSON200.Version {
		t.Fatalf("read the history: %v %s", err, history.GetBody())
	}
	list, err := c.ListOrdersWithResponse(t.Context(), &contract.ListOrdersParams{Status: new(contract.OrderStatusCompleted)})
	if err != nil || list.JSON200 == nil || len(list.JSON200.Data) != 1 || list.JSON200.NextCursor != nil {
		t.Fatalf("list: %v %s", err, list.GetBody())
	}
	found, err := c.SearchOrdersWithResponse(t.Context(), &contract.SearchOrdersParams{Q: "margh"})
	if err != nil || found.JSON200 == nil || len(found.JSON200.Data) != 1 {
		t.Fatalf("search: %v %s", err, found.GetBody())
	}
	refused, err := c.CancelOrderWithResponse(t.Context(), id, nil, contract.CancelOrder{Reason: "too late"})
	if err != nil || refused.ApplicationProblemJSON409 == nil || refused.ApplicationProblemJSON409.Code != "order_completed" {
		t.Fatalf("cancel: %v %s", err, refused.GetBody())
	}
}

func TestGeneratedClientForParticipants(t *testing.T) {
	t.Parallel()
	s := start(t, byHand)
	p := participate(t, s)
	checked := s.client(t)
	c, err := contract.NewClientWithResponses(s.public+"/v1", contract.WithHTTPClient(checked.http))
	if err != nil {
		t.Fatal(err)
	}
	order := checked.create()
	id := order[len(order)-36:]
	p.debit(order)
	p.open(checked, order)

	accepted, err := c.AcceptTicketWithResponse(t.Context(), id, &contract.AcceptTicketParams{Prefer: new("return=representation"), IfMatch: new(`"1"`)})
	if err != nil || accepted.JSON200 == nil {
		t.Fatalf("accept: %v %s", err, accepted.GetBody())
	}
	if k, err := accepted.JSON200.AsTicket(); err != nil || k.Status != contract.TicketStatusAccepted {
		t.Fatalf("accepted %+v, %v", k, err)
	}
	refused, err := c.RejectTicketWithResponse(t.Context(), id, nil, contract.RejectTicket{Reason: "no oven"})
	if err != nil || refused.ApplicationProblemJSON409 == nil || refused.ApplicationProblemJSON409.Code != "ticket_accepted" {
		t.Fatalf("reject: %v %s", err, refused.GetBody())
	}
	token := accepted.HTTPResponse.Header.Get("Consistency-Token")
	list, err := c.ListTicketsWithResponse(t.Context(), &contract.ListTicketsParams{
		Status: new(contract.TicketStatusAccepted), ConsistencyToken: &token,
	})
	if err != nil || list.JSON200 == nil || len(list.JSON200.Data) != 1 || list.JSON200.NextCursor != nil {
		t.Fatalf("list: %v %s", err, list.GetBody())
	}
	got, err := c.GetTicketWithResponse(t.Context(), id, nil)
	if err != nil || got.JSON200 == nil || got.JSON200.Version != 2 {
		t.Fatalf("read the ticket: %v %s", err, got.GetBody())
	}
	checked.awaitPayments(order, func(all []contract.Payment) bool { return len(all) == 1 && all[0].Version == 2 })
	payments, err := c.ListOrderPaymentsWithResponse(t.Context(), id, nil)
	if err != nil || payments.JSON200 == nil || payments.JSON200.Data[0].Status != contract.PaymentProgressDebited {
		t.Fatalf("read the payments: %v %s", err, payments.GetBody())
	}
}

// wantOutcome asks for a write and fails the test unless it succeeds.
func wantOutcome(t *testing.T, name string, ask func(context.Context) (*http.Response, error)) contract.CommandOutcome {
	t.Helper()
	response, err := ask(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	var o contract.CommandOutcome
	if err != nil || json.Unmarshal(body, &o) != nil || o.Status != contract.CommandStatusSucceeded {
		t.Fatalf("%s: %v %s %s, want it succeeded", name, err, response.Status, body)
	}
	return o
}
