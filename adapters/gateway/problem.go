package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/millrace/millrace/app/process"
)

// The codes of answers that are no answer to the question.
const (
	codeChargeNotFound = "charge_not_found"
	codeRefundNotFound = "refund_not_found"
	codeKeyReused      = "idempotency_key_reused"
	codeGatewayError   = "gateway_error"
)

// statuses is the one table from codes to HTTP.
var statuses = map[string]int{
	"malformed_json":          http.StatusBadRequest,
	"invalid_parameter":       http.StatusBadRequest,
	"invalid_idempotency_key": http.StatusBadRequest,
	CodeCardDeclined:          http.StatusPaymentRequired,
	CodeUnknownMethod:         http.StatusPaymentRequired,
	"not_found":               http.StatusNotFound,
	codeChargeNotFound:        http.StatusNotFound,
	codeRefundNotFound:        http.StatusNotFound,
	"method_not_allowed":      http.StatusMethodNotAllowed,
	CodeChargeUnknown:         http.StatusConflict,
	CodeRefundTooLarge:        http.StatusConflict,
	CodeWrongCurrency:         http.StatusConflict,
	CodeRefundRefused:         http.StatusConflict,
	"body_too_large":          http.StatusRequestEntityTooLarge,
	"unsupported_media_type":  http.StatusUnsupportedMediaType,
	"invalid_request":         http.StatusUnprocessableEntity,
	codeKeyReused:             http.StatusUnprocessableEntity,
	codeGatewayError:          http.StatusInternalServerError,
	"ledger_unavailable":      http.StatusServiceUnavailable,
}

// problem is an answer that says no, after RFC 9457. That of a charge that was
// declined, or a refund that was refused, has their key and reference.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	Key       string `json:"key,omitempty"`
	Reference string `json:"reference,omitempty"`
}

func (p problem) Error() string { return p.Code + ": " + p.Detail }

// newProblem makes an answer from a code and words for people.
func newProblem(code, detail string) problem {
	words := strings.ReplaceAll(code, "_", " ")
	return problem{
		Type: "urn:millrace:gateway:" + code, Title: strings.ToUpper(words[:1]) + words[1:],
		Status: statuses[code], Detail: detail, Code: code,
	}
}

// refusal is the answer to a request that was declined for good.
func refusal(code, why, key, reference string) problem {
	p := newProblem(code, why)
	p.Key, p.Reference = key, reference
	return p
}

// problemOf finds the answer to an error.
func problemOf(err error) problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if errors.Is(err, ErrKeyReused) {
		return newProblem(codeKeyReused, "this Idempotency-Key was used for another request")
	}
	return newProblem("ledger_unavailable", "the gateway cannot reach its ledger right now")
}

// notFound turns process.ErrNeverAsked into a problem with a code.
func notFound(err error, code string) error {
	if errors.Is(err, process.ErrNeverAsked) {
		return newProblem(code, "nothing was asked with this key")
	}
	return err
}

// handle turns a function into a handler that answers errors with problems. It
// logs those that are neither the client's doing nor a part of the simulation.
func (s *Server) handle(answer func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := answer(w, r)
		if err == nil {
			return
		}
		p := problemOf(err)
		if _, meant := errors.AsType[problem](err); !meant && p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
			s.log.WarnContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "code", p.Code, "err", err)
		}
		respond(w, p.Status, "application/problem+json", p)
	}
}

// respond answers with JSON.
func respond(w http.ResponseWriter, status int, contentType string, content any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content) // the client has gone
}
