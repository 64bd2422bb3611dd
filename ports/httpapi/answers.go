package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
)

// writeResponse answers every write. It is one of the generated response objects
// of each of them.
type writeResponse struct {
	outcome es.Outcome
	order   *query.OrderRow // with Prefer: return=representation
	applied string
	created bool
}

func (a writeResponse) send(w http.ResponseWriter) error {
	h := w.Header()
	if a.applied != "" {
		h.Set("Preference-Applied", a.applied)
	}
	status := http.StatusOK
	var body any = outcomeBody(a.outcome)
	switch {
	case a.outcome.Status == es.StatusPending:
		status = http.StatusAccepted
		h.Set("Location", "/v1/commands/"+a.outcome.CommandID)
		h.Set("Retry-After", "1")
	default:
		h.Set("ETag", etag(a.outcome.Version))
		h.Set("Consistency-Token", consistencyToken(a.outcome))
		if a.created {
			status = http.StatusCreated
			h.Set("Location", "/v1/orders/"+a.outcome.Target)
		}
		if a.order != nil {
			body = orderBody(*a.order)
			h.Set("Content-Location", "/v1/orders/"+a.outcome.Target)
		}
	}
	return sendJSON(w, status, body)
}

func sendJSON(w http.ResponseWriter, status int, body any) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client has gone
	return nil
}

// VisitCreateOrderResponse implements contract.CreateOrderResponseObject.
func (a writeResponse) VisitCreateOrderResponse(w http.ResponseWriter) error {
	a.created = true
	return a.send(w)
}

// VisitUpdateCartResponse implements contract.UpdateCartResponseObject.
func (a writeResponse) VisitUpdateCartResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitChangeDeliveryAddressResponse implements contract.ChangeDeliveryAddressResponseObject.
func (a writeResponse) VisitChangeDeliveryAddressResponse(w http.ResponseWriter) error {
	return a.send(w)
}

// VisitPayOrderResponse implements contract.PayOrderResponseObject.
func (a writeResponse) VisitPayOrderResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitSubmitOrderResponse implements contract.SubmitOrderResponseObject.
func (a writeResponse) VisitSubmitOrderResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitShipOrderResponse implements contract.ShipOrderResponseObject.
func (a writeResponse) VisitShipOrderResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitCompleteOrderResponse implements contract.CompleteOrderResponseObject.
func (a writeResponse) VisitCompleteOrderResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitCancelOrderResponse implements contract.CancelOrderResponseObject.
func (a writeResponse) VisitCancelOrderResponse(w http.ResponseWriter) error { return a.send(w) }

// outcomeBody is what became of a command, in the words of the contract.
func outcomeBody(o es.Outcome) contract.CommandOutcome {
	body := contract.CommandOutcome{
		CommandID: o.CommandID, OrderID: o.Target, Version: int64(o.Version),
		Status: contract.CommandStatus(o.Status),
	}
	if o.Status == es.StatusRejected || o.Status == es.StatusFailed {
		body.Problem = problemOf(refusal(o)).Problem
	}
	return body
}

// orderBody is an order in the words of the contract.
func orderBody(o query.OrderRow) contract.Order {
	return contract.Order{
		ID: string(o.ID), Version: int64(o.Version),
		Status: contract.OrderStatus(o.Status), PaymentStatus: contract.PaymentStatus(o.PaymentStatus),
		CustomerID: o.CustomerID, Email: o.Email,
		Items: itemsBody(o.Items), Total: contract.Money(o.Total), DeliveryAddress: addressBody(o.DeliveryAddress),
		PaymentID: o.PaymentID, PaymentFailure: o.PaymentFailure,
		Carrier: o.Carrier, TrackingNumber: o.TrackingNumber,
		CancelReason: o.CancelReason, RejectReason: o.RejectReason,
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, SubmittedAt: o.SubmittedAt,
		ApprovedAt: o.ApprovedAt, ShippedAt: o.ShippedAt, DeliveredAt: o.DeliveredAt,
	}
}

func addressBody(a order.Address) contract.Address {
	return contract.Address{
		Name: a.Name, Line1: a.Line1, Line2: a.Line2,
		PostalCode: a.PostalCode, City: a.City, Country: a.Country,
	}
}

func itemsBody(cart order.Cart) []contract.Item {
	items := make([]contract.Item, len(cart))
	for i, l := range cart {
		items[i] = contract.Item{
			ProductID: l.ProductID, Title: l.Title, Description: l.Description,
			Quantity: l.Quantity, UnitPrice: contract.Money(l.UnitPrice),
		}
	}
	return items
}

// eventBody is an event in the words of the contract.
func eventBody(r es.Record) contract.Event {
	return contract.Event{
		ID: r.ID, OrderID: r.Stream.ID(), Type: r.Type, Version: int64(r.Version), SchemaVersion: r.Schema,
		OccurredAt: r.OccurredAt, Data: r.Data, Metadata: metadataBody(r.Metadata),
	}
}

func metadataBody(m es.Metadata) map[string]string {
	body := map[string]string{}
	for key, value := range map[string]string{
		"command_id": m.CommandID, "correlation_id": m.CorrelationID, "causation_id": m.CausationID,
		"traceparent": m.Traceparent, "actor": m.Actor,
	} {
		if value != "" {
			body[key] = value
		}
	}
	return body
}
