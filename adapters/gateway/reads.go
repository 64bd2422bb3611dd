package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) findCharge(w http.ResponseWriter, r *http.Request) error {
	key, err := keyInPath(r)
	if err != nil {
		return err
	}
	c, err := s.ledger.FindCharge(r.Context(), key)
	if err != nil {
		return notFound(err, codeChargeNotFound)
	}
	respond(w, http.StatusOK, "application/json", c)
	return nil
}

func (s *Server) findRefund(w http.ResponseWriter, r *http.Request) error {
	key, err := keyInPath(r)
	if err != nil {
		return err
	}
	refund, err := s.ledger.FindRefund(r.Context(), key)
	if err != nil {
		return notFound(err, codeRefundNotFound)
	}
	respond(w, http.StatusOK, "application/json", refund)
	return nil
}

// keyInPath returns the last part of the path, in which a key may be escaped.
func keyInPath(r *http.Request) (string, error) {
	path := r.URL.EscapedPath()
	key, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return "", newProblem("invalid_parameter", "the key in the path is not escaped well")
	}
	return key, nil
}

func (s *Server) listCharges(w http.ResponseWriter, r *http.Request) error {
	p, err := page(r)
	if err != nil {
		return err
	}
	found, err := s.ledger.Charges(r.Context(), p)
	if err != nil {
		return err
	}
	respondList(w, p, found)
	return nil
}

func (s *Server) listRefunds(w http.ResponseWriter, r *http.Request) error {
	p, err := page(r)
	if err != nil {
		return err
	}
	found, err := s.ledger.Refunds(r.Context(), p)
	if err != nil {
		return err
	}
	respondList(w, p, found)
	return nil
}

// How many items a page has.
const (
	usualLimit = 1000
	mostLimit  = 10_000
)

func page(r *http.Request) (Page, error) {
	p := Page{Limit: usualLimit}
	query, err := parameters(r, "cursor", "limit", "order_id")
	if err != nil {
		return Page{}, err
	}
	if query.Has("cursor") {
		p.After, err = strconv.ParseInt(query.Get("cursor"), 10, 64)
		if err != nil || p.After < 0 {
			return Page{}, newProblem("invalid_parameter", "cursor: want the next_cursor of another page")
		}
	}
	if query.Has("limit") {
		p.Limit, err = strconv.Atoi(query.Get("limit"))
		if err != nil || p.Limit < 1 || p.Limit > mostLimit {
			return Page{}, newProblem("invalid_parameter", fmt.Sprintf("limit: want 1 to %d", mostLimit))
		}
	}
	if query.Has("order_id") {
		p.Order = query.Get("order_id")
		if p.Order == "" { // as a script has it that forgot to set its variable
			return Page{}, newProblem("invalid_parameter", "order_id: is empty")
		}
	}
	return p, nil
}

// parameters reads the query. What is not known or said twice is refused: whoever
// asks would take the answer for one to another question.
func parameters(r *http.Request, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem("invalid_parameter", "the query is not escaped well")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return nil, newProblem("invalid_parameter", name+": is not known; there are no parameters here")
		case !slices.Contains(known, name):
			return nil, newProblem("invalid_parameter", name+": is not known; want "+strings.Join(known, ", "))
		case len(query[name]) > 1:
			return nil, newProblem("invalid_parameter", name+": is there more than once")
		}
	}
	return query, nil
}

// respondList answers with a page. The link to the next one is relative to the
// request, wherever the handler is mounted.
func respondList[T any](w http.ResponseWriter, p Page, found List[T]) {
	if found.NextCursor != nil {
		next := url.Values{"cursor": {*found.NextCursor}, "limit": {strconv.Itoa(p.Limit)}}
		if p.Order != "" {
			next.Set("order_id", p.Order)
		}
		w.Header().Set("Link", "<?"+next.Encode()+`>; rel="next"`)
	}
	respond(w, http.StatusOK, "application/json", found)
}

func (s *Server) totals(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	all, err := s.ledger.Totals(r.Context())
	if err != nil {
		return err
	}
	respond(w, http.StatusOK, "application/json", all)
	return nil
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	if err := s.ledger.Ping(r.Context()); err != nil {
		return err
	}
	respond(w, http.StatusOK, "application/json", map[string]string{"status": "ok"})
	return nil
}
