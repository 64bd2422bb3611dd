package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
)

// Page sizes when the client does not say.
const (
	defaultOrders = 50
	defaultEvents = 100
)

// orderResponse answers with one order.
type orderResponse struct {
	row         query.OrderRow
	ifNoneMatch string
}

// VisitGetOrderResponse implements contract.GetOrderResponseObject.
func (a orderResponse) VisitGetOrderResponse(w http.ResponseWriter) error {
	w.Header().Set("ETag", etag(a.row.Version))
	w.Header().Set("Cache-Control", "no-cache") // may be kept, but is to be asked for again
	if a.ifNoneMatch != "" && unchanged(a.ifNoneMatch, a.row.Version) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return sendJSON(w, http.StatusOK, orderBody(a.row))
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
		err = problem("invalid_parameter", "version and as_of cannot be asked for together",
			contract.InputError{Pointer: "/query/as_of", Detail: "cannot stand beside version"})
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
	return orderResponse{row, p.IfNoneMatch}, nil
}

// listResponse answers with a page.
type listResponse struct {
	body any
	next string // the address of the next page
}

func (a listResponse) send(w http.ResponseWriter) error {
	if a.next != "" {
		w.Header().Set("Link", "<"+a.next+`>; rel="next"`)
	}
	return sendJSON(w, http.StatusOK, a.body)
}

// VisitListOrdersResponse implements contract.ListOrdersResponseObject.
func (a listResponse) VisitListOrdersResponse(w http.ResponseWriter) error { return a.send(w) }

// VisitSearchOrdersResponse implements contract.SearchOrdersResponseObject.
func (a listResponse) VisitSearchOrdersResponse(w http.ResponseWriter) error { return a.send(w) }

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

// orderPage makes a page of at most limit orders. One more than that was asked
// for, which tells whether there is a next page.
func orderPage(rows []query.OrderRow, limit int, kind, path string, again url.Values) listResponse {
	more := len(rows) > limit
	rows = rows[:min(limit, len(rows))]
	body := contract.OrderList{Data: make([]contract.Order, len(rows))}
	for i, row := range rows {
		body.Data[i] = orderBody(row)
	}
	page := listResponse{}
	if more {
		last := rows[len(rows)-1]
		body.NextCursor = new(placeCursor(kind, query.Place{CreatedAt: last.CreatedAt, ID: string(last.ID)}))
		page.next = nextPage(path, again, *body.NextCursor, limit)
	}
	page.body = body
	return page
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
	more := len(records) > limit
	records = records[:min(limit, len(records))]
	body := contract.EventList{Data: make([]contract.Event, len(records))}
	for i, r := range records {
		body.Data[i] = eventBody(r)
	}
	page := listResponse{}
	if more {
		body.NextCursor = new(versionCursor(id, records[len(records)-1].Version))
		page.next = nextPage("/v1/orders/"+string(id)+"/events", url.Values{}, *body.NextCursor, limit)
	}
	page.body = body
	return page, nil
}

// outcomeResponse answers what became of a command.
type outcomeResponse struct{ outcome es.Outcome }

// VisitGetCommandResponse implements contract.GetCommandResponseObject.
func (a outcomeResponse) VisitGetCommandResponse(w http.ResponseWriter) error {
	switch a.outcome.Status {
	case es.StatusPending:
		w.Header().Set("Retry-After", "1")
	case es.StatusSucceeded:
		w.Header().Set("Consistency-Token", consistencyToken(a.outcome))
	}
	return sendJSON(w, http.StatusOK, outcomeBody(a.outcome))
}

// GetCommand implements contract.StrictServerInterface.
func (s *server) GetCommand(ctx context.Context, r contract.GetCommandRequestObject) (contract.GetCommandResponseObject, error) {
	o, err := s.Outcomes.Outcome(ctx, strings.ToLower(r.CommandID))
	if err != nil {
		return nil, err
	}
	return outcomeResponse{o}, nil
}

const timeForm = "2006-01-02T15:04:05.999999999Z07:00"

func nextPage(path string, again url.Values, cursor string, limit int) string {
	again.Set("cursor", cursor)
	again.Set("limit", strconv.Itoa(limit))
	return path + "?" + again.Encode()
}

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
