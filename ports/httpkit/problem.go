package httpkit

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/rule"
	"github.com/millrace/millrace/internal/es"
)

// Problem is an answer that says no (RFC 9457). It is an error, too.
type Problem struct {
	Code      string       `json:"code"`
	CommandID string       `json:"command_id,omitempty"`
	Detail    string       `json:"detail"`
	Errors    []InputError `json:"errors,omitempty"`
	Instance  string       `json:"instance,omitempty"`
	OrderID   string       `json:"order_id,omitempty"`
	PaymentID string       `json:"payment_id,omitempty"`
	Status    int          `json:"status"`
	Title     string       `json:"title"`
	Type      string       `json:"type"`
}

// InputError is one place in the input that is wrong.
type InputError struct {
	Detail  string `json:"detail"`
	Pointer string `json:"pointer"` // into the body; or /path/…, /query/… or /header/…
}

func (p Problem) Error() string { return p.Code + ": " + p.Detail }

// statuses is the one table from stable codes to HTTP. A code that is not in it
// is a rejection of the domain: 409.
var statuses = map[string]int{
	"malformed_json":         http.StatusBadRequest,
	"invalid_parameter":      http.StatusBadRequest,
	"invalid_cursor":         http.StatusBadRequest,
	"not_found":              http.StatusNotFound,
	"order_not_found":        http.StatusNotFound,
	"payment_not_found":      http.StatusNotFound,
	"ticket_not_found":       http.StatusNotFound,
	"refund_unknown":         http.StatusNotFound,
	"version_not_found":      http.StatusNotFound,
	"command_not_found":      http.StatusNotFound,
	"process_not_found":      http.StatusNotFound,
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

// No makes a problem from a stable code and words for people.
func No(code, detail string, errs ...InputError) Problem {
	status, known := statuses[code]
	if !known {
		status = http.StatusConflict
	}
	return Problem{
		Type: "urn:millrace:problem:" + code, Title: title(code), Status: status,
		Detail: detail, Code: code, Errors: errs,
	}
}

// BadParameter is the problem of a parameter with a wrong value, at a place such as
// /header/If-Match.
func BadParameter(pointer, detail string) Problem {
	return No("invalid_parameter", pointer+" "+detail, InputError{Pointer: pointer, Detail: detail})
}

// title spells a code out.
func title(code string) string {
	words := strings.ReplaceAll(code, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// ProblemOf finds the answer to an error.
func ProblemOf(err error) Problem {
	if p, ok := errors.AsType[Problem](err); ok {
		return p
	}
	if no, ok := errors.AsType[rule.Invalid](err); ok {
		errs := make([]InputError, len(no.Violations))
		for i, v := range no.Violations {
			errs[i] = InputError{Pointer: v.Pointer, Detail: v.Detail}
		}
		return No(no.Code, no.Error(), errs...)
	}
	switch {
	case errors.Is(err, query.ErrNotFound):
		return No("order_not_found", "there is no order with this id")
	case errors.Is(err, query.ErrNoTicket):
		return No("ticket_not_found", "there is no ticket with this id")
	case errors.Is(err, query.ErrNoPayment):
		return No("payment_not_found", "there is no payment with this id")
	case errors.Is(err, query.ErrNoSuchVersion):
		return No("version_not_found", err.Error())
	case errors.Is(err, query.ErrBehind):
		return No("views_behind", "the views have not seen this write yet")
	case errors.Is(err, es.ErrUnknownCommand):
		return No("command_not_found", "there is no command with this id")
	case errors.Is(err, es.ErrIDReused):
		return No("idempotency_key_reused", "this Idempotency-Key was used for another request")
	}
	return No("store_unavailable", "the service cannot reach its data right now")
}

// Fail answers a request with a problem. It logs what is not the client's doing.
func Fail(log *slog.Logger, w http.ResponseWriter, r *http.Request, err error) {
	p := ProblemOf(err)
	if p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		log.WarnContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "code", p.Code, "err", err)
	}
	p.Instance = r.URL.EscapedPath()
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone
}
