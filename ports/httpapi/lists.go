package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
	"github.com/millrace/millrace/ports/httpkit"
)

// Page sizes when the client does not say.
const (
	defaultOrders   = 50
	defaultPayments = 50
	defaultTickets  = 50
	defaultEvents   = 100
)

// listResponse answers with a page.
type listResponse struct {
	body any
	next string // the address of the next page
}

// page is the body of every list.
type page[B any] struct {
	Data       []B     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

// pageOf makes a page of at most limit rows. One more than that was asked for, which
// tells whether there is a next page, at a path with the same query again.
func pageOf[R, B any](rows []R, limit int, path string, again url.Values, body func(R) B, cursor func(last R) string) listResponse {
	more := len(rows) > limit
	rows = rows[:min(limit, len(rows))]
	p := page[B]{Data: make([]B, len(rows))}
	for i, row := range rows {
		p.Data[i] = body(row)
	}
	if !more {
		return listResponse{body: p}
	}
	p.NextCursor = new(cursor(rows[len(rows)-1]))
	again.Set("cursor", *p.NextCursor)
	again.Set("limit", strconv.Itoa(limit))
	return listResponse{p, path + "?" + again.Encode()}
}

func (a listResponse) send(w http.ResponseWriter) error {
	if a.next != "" {
		w.Header().Set("Link", "<"+a.next+`>; rel="next"`)
	}
	return httpkit.SendJSON(w, http.StatusOK, a.body)
}

// VisitListOrdersResponse implements contract.ListOrdersResponseObject.
func (a listResponse) VisitListOrdersResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitSearchOrdersResponse implements contract.SearchOrdersResponseObject.
func (a listResponse) VisitSearchOrdersResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitListOrderPaymentsResponse implements contract.ListOrderPaymentsResponseObject.
func (a listResponse) VisitListOrderPaymentsResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitListTicketsResponse implements contract.ListTicketsResponseObject.
func (a listResponse) VisitListTicketsResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitListOrderEventsResponse implements contract.ListOrderEventsResponseObject.
func (a listResponse) VisitListOrderEventsResponse(w http.ResponseWriter) error { return a.send(w) }

// ListOrders implements contract.StrictServerInterface.
func (s *server) ListOrders(ctx context.Context, r contract.ListOrdersRequestObject) (contract.ListOrdersResponseObject, error) {
	p := r.Params
	after, err := parsePlace("l", p.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, p.ConsistencyToken); err != nil {
		return nil, err
	}
	limit := limitOr(p.Limit, defaultOrders)
	rows, err := s.Orders.List(ctx, query.ListOrders{
		Status: order.Status(p.Status), CustomerID: p.Customer,
		CreatedFrom: p.CreatedFrom, CreatedTo: p.CreatedTo, After: after, Limit: limit + 1,
	})
	if err != nil {
		return nil, err
	}
	again := url.Values{}
	setNonEmpty(again, "status", string(p.Status))
	setNonEmpty(again, "customer", p.Customer)
	if p.CreatedFrom != nil {
		again.Set("created_from", p.CreatedFrom.Format(timeForm))
	}
	if p.CreatedTo != nil {
		again.Set("created_to", p.CreatedTo.Format(timeForm))
	}
	return orderPage(rows, limit, "l", "/v1/orders", again), nil
}

// SearchOrders implements contract.StrictServerInterface.
func (s *server) SearchOrders(ctx context.Context, r contract.SearchOrdersRequestObject) (contract.SearchOrdersResponseObject, error) {
	p := r.Params
	after, err := parsePlace("s", p.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, p.ConsistencyToken); err != nil {
		return nil, err
	}
	limit := limitOr(p.Limit, defaultOrders)
	rows, err := s.Orders.Search(ctx, query.SearchOrders{Phrase: p.Q, After: after, Limit: limit + 1})
	if err != nil {
		return nil, err
	}
	return orderPage(rows, limit, "s", "/v1/orders/search", url.Values{"q": {p.Q}}), nil
}

// orderPage makes a page of orders.
func orderPage(rows []query.OrderRow, limit int, kind, path string, again url.Values) listResponse {
	return pageOf(rows, limit, path, again, orderBody, func(last query.OrderRow) string {
		return placeCursor(kind, query.Place{CreatedAt: last.CreatedAt, ID: string(last.ID)})
	})
}

// ListOrderEvents implements contract.StrictServerInterface.
func (s *server) ListOrderEvents(ctx context.Context, r contract.ListOrderEventsRequestObject) (contract.ListOrderEventsResponseObject, error) {
	p, id := r.Params, orderID(r.ID)
	after, err := parseVersion(id, p.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, p.ConsistencyToken); err != nil {
		return nil, err
	}
	limit := limitOr(p.Limit, defaultEvents)
	records, err := s.History.Events(ctx, id, after, limit+1)
	if err != nil {
		return nil, err
	}
	return pageOf(records, limit, ordersPath+string(id)+"/events", url.Values{}, eventBody, func(last es.Record) string {
		return versionCursor(id, last.Version)
	}), nil
}

// ListOrderPayments implements contract.StrictServerInterface.
func (s *server) ListOrderPayments(ctx context.Context, r contract.ListOrderPaymentsRequestObject) (contract.ListOrderPaymentsResponseObject, error) {
	p, id := r.Params, orderID(r.ID)
	after, err := parsePaymentPlace(id, p.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, p.ConsistencyToken); err != nil {
		return nil, err
	}
	limit := limitOr(p.Limit, defaultPayments)
	rows, err := s.Payments.List(ctx, query.ListPayments{Order: id, After: after, Limit: limit + 1})
	if err == nil && len(rows) == 0 {
		_, err = s.Orders.Order(ctx, id) // there may be no order, either
	}
	if err != nil {
		return nil, err
	}
	return pageOf(rows, limit, ordersPath+string(id)+"/payments", url.Values{}, paymentBody, func(last query.PaymentRow) string {
		return paymentCursor(id, query.Place{CreatedAt: last.CreatedAt, ID: string(last.ID)})
	}), nil
}

// ListTickets implements contract.StrictServerInterface.
func (s *server) ListTickets(ctx context.Context, r contract.ListTicketsRequestObject) (contract.ListTicketsResponseObject, error) {
	p := r.Params
	after, err := parsePlace("t", p.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, p.ConsistencyToken); err != nil {
		return nil, err
	}
	limit := limitOr(p.Limit, defaultTickets)
	rows, err := s.Tickets.List(ctx, query.ListTickets{Status: ticket.Status(p.Status), After: after, Limit: limit + 1})
	if err != nil {
		return nil, err
	}
	again := url.Values{}
	setNonEmpty(again, "status", string(p.Status))
	return pageOf(rows, limit, "/v1/tickets", again, ticketBody, func(last query.TicketRow) string {
		return placeCursor("t", query.Place{CreatedAt: last.CreatedAt, ID: string(last.ID)})
	}), nil
}

const timeForm = "2006-01-02T15:04:05.999999999Z07:00"

func setNonEmpty(v url.Values, key, value string) {
	if value != "" {
		v.Set(key, value)
	}
}

func limitOr(limit, otherwise int) int {
	if limit == 0 {
		return otherwise
	}
	return limit
}
