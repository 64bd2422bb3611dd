package httpapi

import (
	"context"
	"net/http"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
	"github.com/millrace/millrace/ports/httpkit"
)

// oneResponse answers with one order or ticket.
type oneResponse struct {
	version     es.Version
	body        any
	ifNoneMatch string
}

func (a oneResponse) send(w http.ResponseWriter) error {
	w.Header().Set("ETag", httpkit.ETag(a.version))
	w.Header().Set("Cache-Control", "no-cache") // may be kept, but is to be asked for again
	if a.ifNoneMatch != "" && httpkit.Unchanged(a.ifNoneMatch, a.version) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return httpkit.SendJSON(w, http.StatusOK, a.body)
}

// VisitGetOrderResponse implements contract.GetOrderResponseObject.
func (a oneResponse) VisitGetOrderResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitGetTicketResponse implements contract.GetTicketResponseObject.
func (a oneResponse) VisitGetTicketResponse(w http.ResponseWriter) error { return a.send(w) }

// fresh waits until the views have seen the write that a token stands for.
func (s *server) fresh(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	stream, version, err := httpkit.ParseConsistencyToken(token)
	if err != nil {
		return err
	}
	return s.Freshness.Wait(ctx, stream, version)
}

// GetOrder implements contract.StrictServerInterface. Without time travel the
// answer comes from the view; with it, from the order's history.
func (s *server) GetOrder(ctx context.Context, r contract.GetOrderRequestObject) (contract.GetOrderResponseObject, error) {
	p, id := r.Params, orderID(r.ID)
	var row query.OrderRow
	err := s.fresh(ctx, p.ConsistencyToken)
	switch {
	case err != nil:
	case p.Version != 0 && p.AsOf != nil:
		err = httpkit.No("invalid_parameter", "version and as_of cannot be asked for together",
			httpkit.InputError{Pointer: "/query/as_of", Detail: "cannot stand beside version"})
	case p.Version != 0:
		row, err = s.History.AtVersion(ctx, id, es.Version(p.Version))
	case p.AsOf != nil:
		row, err = s.History.AsOf(ctx, id, *p.AsOf)
	default:
		row, err = s.Orders.Order(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	return oneResponse{row.Version, orderBody(row), p.IfNoneMatch}, nil
}

// GetTicket implements contract.StrictServerInterface.
func (s *server) GetTicket(ctx context.Context, r contract.GetTicketRequestObject) (contract.GetTicketResponseObject, error) {
	if err := s.fresh(ctx, r.Params.ConsistencyToken); err != nil {
		return nil, err
	}
	row, err := s.Tickets.Ticket(ctx, ticketID(r.ID))
	if err != nil {
		return nil, err
	}
	return oneResponse{row.Version, ticketBody(row), r.Params.IfNoneMatch}, nil
}

// outcomeResponse answers what became of a command.
type outcomeResponse struct{ httpkit.Found }

// VisitGetCommandResponse implements contract.GetCommandResponseObject.
func (a outcomeResponse) VisitGetCommandResponse(w http.ResponseWriter) error { return a.Send(w) }

// GetCommand implements contract.StrictServerInterface.
func (s *server) GetCommand(ctx context.Context, r contract.GetCommandRequestObject) (contract.GetCommandResponseObject, error) {
	found, err := s.Outcomes.Find(ctx, r.CommandID)
	if err != nil {
		return nil, err
	}
	return outcomeResponse{found}, nil
}
