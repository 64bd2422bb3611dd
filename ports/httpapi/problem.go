package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
)

// statuses is the one table from stable codes to HTTP. A code that is not in it
// is a rejection of the domain: 409.
var statuses = map[string]int{
	"malformed_json":         http.StatusBadRequest,
	"invalid_parameter":      http.StatusBadRequest,
	"invalid_cursor":         http.StatusBadRequest,
	"not_found":              http.StatusNotFound,
	"order_not_found":        http.StatusNotFound,
	"version_not_found":      http.StatusNotFound,
	"command_not_found":      http.StatusNotFound,
	"method_not_allowed":     http.StatusMethodNotAllowed,
	es.VersionMismatch:       http.StatusPreconditionFailed,
	"body_too_large":         http.StatusRequestEntityTooLarge,
	"unsupported_media_type": http.StatusUnsupportedMediaType,
	"invalid_request":        http.StatusUnprocessableEntity,
	"mixed_currencies":       http.StatusUnprocessableEntity,
	"total_too_large":        http.StatusUnprocessableEntity,
	"idempotency_key_reused": http.StatusUnprocessableEntity,
	"internal_error":         http.StatusInternalServerError,
	"command_failed":         http.StatusInternalServerError,
	"overloaded":             http.StatusServiceUnavailable,
	"views_behind":           http.StatusServiceUnavailable,
	"store_unavailable":      http.StatusServiceUnavailable,
}

// problemError is an answer that says no.
type problemError struct{ contract.Problem }

func (p problemError) Error() string { return p.Code + ": " + p.Detail }

// problem makes an answer from a stable code and words for people.
func problem(code, detail string, errs ...contract.InputError) problemError {
	status, known := statuses[code]
	if !known {
		status = http.StatusConflict
	}
	return problemError{contract.Problem{
		Type: "urn:millrace:problem:" + code, Title: title(code), Status: status,
		Detail: detail, Code: code, Errors: errs,
	}}
}

// title spells a code out.
func title(code string) string {
	words := strings.ReplaceAll(code, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// problemOf finds the answer to an error.
func problemOf(err error) problemError {
	if p, ok := errors.AsType[problemError](err); ok {
		return p
	}
	if no, ok := errors.AsType[order.Invalid](err); ok {
		errs := make([]contract.InputError, len(no.Violations))
		for i, v := range no.Violations {
			errs[i] = contract.InputError{Pointer: v.Pointer, Detail: v.Detail}
		}
		return problem(no.Code, no.Error(), errs...)
	}
	switch {
	case errors.Is(err, query.ErrNotFound):
		return problem("order_not_found", "there is no order with this id")
	case errors.Is(err, query.ErrNoSuchVersion):
		return problem("version_not_found", err.Error())
	case errors.Is(err, query.ErrBehind):
		return problem("views_behind", "the views have not seen this write yet")
	case errors.Is(err, es.ErrUnknownCommand):
		return problem("command_not_found", "there is no command with this id")
	case errors.Is(err, es.ErrIDReused):
		return problem("idempotency_key_reused", "this Idempotency-Key was used for another request")
	}
	return problem("store_unavailable", "the service cannot reach its data right now")
}

// fail answers a request with a problem. It logs what is not the client's doing.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		s.Log.WarnContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "code", p.Code, "err", err)
	}
	p.Instance = r.URL.EscapedPath()
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem) // the client has gone
}
