package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
	"github.com/millrace/millrace/ports/httpkit"
)

// writeResponse answers every write. It is one of the generated response objects
// of each of them.
type writeResponse struct{ httpkit.Answer }

// VisitCreateOrderResponse implements contract.CreateOrderResponseObject.
func (a writeResponse) VisitCreateOrderResponse(w http.ResponseWriter) error {
	a.Created = ordersPath + a.Outcome.Target
	return a.Send(w)
}

// VisitUpdateCartResponse implements contract.UpdateCartResponseObject.
func (a writeResponse) VisitUpdateCartResponse(w http.ResponseWriter) error { return a.Send(w) }

// VisitChangeDeliveryAddressResponse implements contract.ChangeDeliveryAddressResponseObject.
func (a writeResponse) VisitChangeDeliveryAddressResponse(w http.ResponseWriter) error {
	return a.Send(w)
}

// VisitPayOrderResponse implements contract.PayOrderResponseObject.
func (a writeResponse) VisitPayOrderResponse(w http.ResponseWriter) error { return a.Send(w) }

// VisitSubmitOrderResponse implements contract.SubmitOrderResponseObject.
func (a writeResponse) VisitSubmitOrderResponse(w http.ResponseWriter) error { return a.Send(w) }

// VisitShipOrderResponse implements contract.ShipOrderResponseObject.
func (a writeResponse) VisitShipOrderResponse(w http.ResponseWriter) error { return a.Send(w) }

// VisitCompleteOrderResponse implements contract.CompleteOrderResponseObject.
func (a writeResponse) VisitCompleteOrderResponse(w http.ResponseWriter) error { return a.Send(w) }

// VisitCancelOrderResponse implements contract.CancelOrderResponseObject.
func (a writeResponse) VisitCancelOrderResponse(w http.ResponseWriter) error { return a.Send(w) }

// VisitAcceptTicketResponse implements contract.AcceptTicketResponseObject.
func (a writeResponse) VisitAcceptTicketResponse(w http.ResponseWriter) error { return a.Send(w) }

// VisitRejectTicketResponse implements contract.RejectTicketResponseObject.
func (a writeResponse) VisitRejectTicketResponse(w http.ResponseWriter) error { return a.Send(w) }

// Where orders, tickets and the outcomes of commands are; their ids come after it.
const (
	ordersPath   = "/v1/orders/"
	ticketsPath  = "/v1/tickets/"
	commandsPath = "/v1/commands/"
)

// written returns the order or ticket that was written, as it was right after that.
func (s *server) written(ctx context.Context, o es.Outcome) (body any, path string, err error) {
	if category, _, _ := strings.Cut(o.CommandType, "."); category == ticket.Category {
		row, err := s.TicketHistory.AtVersion(ctx, ticket.ID(o.Target), o.Version)
		return ticketBody(row), ticketsPath + o.Target, err
	}
	row, err := s.History.AtVersion(ctx, order.ID(o.Target), o.Version)
	return orderBody(row), ordersPath + o.Target, err
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

// paymentBody is a payment in the words of the contract.
func paymentBody(p query.PaymentRow) contract.Payment {
	refunds := make([]contract.Refund, len(p.Refunds))
	for i, r := range p.Refunds {
		refunds[i] = contract.Refund{
			ID: r.ID, Amount: contract.Money(r.Amount), Status: contract.RefundProgress(r.Status),
			Reason: r.Reason, RefuseReason: r.RefuseReason, GatewayReference: r.Reference,
			RequestedAt: r.RequestedAt, AnsweredAt: r.AnsweredAt,
		}
	}
	return contract.Payment{
		ID: string(p.ID), OrderID: string(p.OrderID), Version: int64(p.Version),
		Status: contract.PaymentProgress(p.Status), Amount: contract.Money(p.Amount), Refunded: contract.Money(p.Refunded),
		PaymentMethod: p.Method, GatewayReference: p.Reference, DeclineReason: p.DeclineReason, Refunds: refunds,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

// ticketBody is a ticket in the words of the contract.
func ticketBody(t query.TicketRow) contract.Ticket {
	items := make([]contract.TicketItem, len(t.Items))
	for i, item := range t.Items {
		items[i] = contract.TicketItem{ProductID: item.ProductID, Title: item.Title, Quantity: item.Quantity}
	}
	return contract.Ticket{
		ID: string(t.ID), OrderID: string(t.OrderID), Version: int64(t.Version),
		Status: contract.TicketStatus(t.Status), Items: items, Reason: t.Reason,
		CreatedAt: t.CreatedAt, OpenedAt: t.OpenedAt, UpdatedAt: t.UpdatedAt,
	}
}

// eventBody is an event in the words of the contract.
func eventBody(r es.Record) contract.Event {
	return contract.Event{
		ID: r.ID, OrderID: orderOf(r), Type: r.Type, Version: int64(r.Version), SchemaVersion: r.Schema, Stream: string(r.Stream),
		OccurredAt: r.OccurredAt, Data: r.Data, Metadata: metadataBody(r.Metadata),
	}
}

// orderOf tells which order an event is about. What happens to something else than
// an order says so itself.
func orderOf(r es.Record) string {
	if r.Stream == es.StreamOf(command.Category, r.Stream.ID()) {
		return r.Stream.ID()
	}
	var about struct {
		OrderID string `json:"order_id"`
	}
	_ = json.Unmarshal(r.Data, &about) // what a codec has written can be read
	return about.OrderID
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
