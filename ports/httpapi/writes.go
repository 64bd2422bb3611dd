package httpapi

import (
	"context"
	"strings"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/ports/httpapi/contract"
	"github.com/millrace/millrace/ports/httpkit"
)

// anonymous is who calls as long as nobody has to say who they are.
const anonymous = "anonymous"

// writeParams are the headers of a write.
type writeParams = httpkit.Params

// write sends a command and answers with what became of it.
func (s *server) write(ctx context.Context, p writeParams, c command.Command, body any) (writeResponse, error) {
	answer, err := s.Writes.Do(ctx, httpkit.Write{
		Params: p, Caller: anonymous, Command: c, Body: body, Show: s.written, Outcomes: commandsPath,
	})
	return writeResponse{answer}, err
}

// CreateOrder implements contract.StrictServerInterface.
func (s *server) CreateOrder(ctx context.Context, r contract.CreateOrderRequestObject) (contract.CreateOrderResponseObject, error) {
	draft := order.Draft{
		CustomerID: r.Body.CustomerID, Email: r.Body.Email,
		Cart: cart(r.Body.Items), DeliveryAddress: address(r.Body.DeliveryAddress),
	}
	p := writeParams{IdempotencyKey: r.Params.IdempotencyKey, Prefer: r.Params.Prefer, Traceparent: r.Params.Traceparent}
	return s.write(ctx, p, command.CreateOrder{Order: order.ID(s.NewID()), Draft: draft}, r.Body)
}

// UpdateCart implements contract.StrictServerInterface.
func (s *server) UpdateCart(ctx context.Context, r contract.UpdateCartRequestObject) (contract.UpdateCartResponseObject, error) {
	c := command.UpdateCart{Order: orderID(r.ID), Cart: cart(r.Body.Items)}
	return s.write(ctx, writeParams(r.Params), c, r.Body)
}

// ChangeDeliveryAddress implements contract.StrictServerInterface.
func (s *server) ChangeDeliveryAddress(ctx context.Context, r contract.ChangeDeliveryAddressRequestObject) (contract.ChangeDeliveryAddressResponseObject, error) {
	c := command.ChangeDeliveryAddress{Order: orderID(r.ID), DeliveryAddress: address(*r.Body)}
	return s.write(ctx, writeParams(r.Params), c, r.Body)
}

// PayOrder implements contract.StrictServerInterface.
func (s *server) PayOrder(ctx context.Context, r contract.PayOrderRequestObject) (contract.PayOrderResponseObject, error) {
	c := command.PayOrder{Order: orderID(r.ID), Payment: s.NewID(), Method: r.Body.PaymentMethod}
	return s.write(ctx, writeParams(r.Params), c, r.Body)
}

// SubmitOrder implements contract.StrictServerInterface.
func (s *server) SubmitOrder(ctx context.Context, r contract.SubmitOrderRequestObject) (contract.SubmitOrderResponseObject, error) {
	c := command.SubmitOrder{Order: orderID(r.ID)}
	if r.Body != nil && r.Body.PaymentMethod != "" {
		c.Payment, c.Method = s.NewID(), r.Body.PaymentMethod
	}
	return s.write(ctx, writeParams(r.Params), c, r.Body)
}

// ShipOrder implements contract.StrictServerInterface.
func (s *server) ShipOrder(ctx context.Context, r contract.ShipOrderRequestObject) (contract.ShipOrderResponseObject, error) {
	c := command.ShipOrder{Order: orderID(r.ID)}
	if r.Body != nil {
		c.Carrier, c.TrackingNumber = r.Body.Carrier, r.Body.TrackingNumber
	}
	return s.write(ctx, writeParams(r.Params), c, r.Body)
}

// CompleteOrder implements contract.StrictServerInterface.
func (s *server) CompleteOrder(ctx context.Context, r contract.CompleteOrderRequestObject) (contract.CompleteOrderResponseObject, error) {
	c := command.CompleteOrder{Order: orderID(r.ID)}
	if r.Body != nil && r.Body.DeliveredAt != nil {
		if err := order.CheckDeliveredAt(*r.Body.DeliveredAt); err != nil { // the zero time too, which means now to the command
			return nil, err
		}
		c.DeliveredAt = *r.Body.DeliveredAt
	}
	return s.write(ctx, writeParams(r.Params), c, r.Body)
}

// CancelOrder implements contract.StrictServerInterface.
func (s *server) CancelOrder(ctx context.Context, r contract.CancelOrderRequestObject) (contract.CancelOrderResponseObject, error) {
	c := command.CancelOrder{Order: orderID(r.ID), Reason: r.Body.Reason}
	return s.write(ctx, writeParams(r.Params), c, r.Body)
}

// AcceptTicket implements contract.StrictServerInterface.
func (s *server) AcceptTicket(ctx context.Context, r contract.AcceptTicketRequestObject) (contract.AcceptTicketResponseObject, error) {
	return s.write(ctx, writeParams(r.Params), command.AcceptTicket{Ticket: ticketID(r.ID)}, nil)
}

// RejectTicket implements contract.StrictServerInterface.
func (s *server) RejectTicket(ctx context.Context, r contract.RejectTicketRequestObject) (contract.RejectTicketResponseObject, error) {
	c := command.RejectTicket{Ticket: ticketID(r.ID), Reason: r.Body.Reason}
	return s.write(ctx, writeParams(r.Params), c, r.Body)
}

// orderID makes an order's id out of a path, where a UUID may be in capitals.
func orderID(id string) order.ID { return order.ID(strings.ToLower(id)) }

// ticketID makes a ticket's id out of a path.
func ticketID(id string) ticket.ID { return ticket.ID(strings.ToLower(id)) }

func address(a contract.Address) order.Address {
	return order.Address{
		Name: a.Name, Line1: a.Line1, Line2: a.Line2,
		PostalCode: a.PostalCode, City: a.City, Country: a.Country,
	}
}

func cart(items []contract.Item) order.Cart {
	c := make(order.Cart, len(items))
	for i, l := range items {
		c[i] = order.Line{
			ProductID: l.ProductID, Title: l.Title, Description: l.Description,
			Quantity: l.Quantity, UnitPrice: order.Money(l.UnitPrice),
		}
	}
	return c
}
