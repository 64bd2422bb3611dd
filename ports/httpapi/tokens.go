package httpapi

import (
	"strings"
	"time"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpkit"
)

// placeCursor stands for a place in a list.
func placeCursor(kind string, p query.Place) string {
	return httpkit.SealToken(kind, p.ID, p.CreatedAt.UnixMicro())
}

func parsePlace(kind, cursor string) (query.Place, error) {
	if cursor == "" {
		return query.Place{}, nil
	}
	id, micros, ok := httpkit.OpenToken(kind, cursor)
	if !ok || !httpkit.CanonicalID(id) {
		return query.Place{}, badCursor()
	}
	return query.Place{CreatedAt: time.UnixMicro(micros).UTC(), ID: id}, nil
}

// paymentCursor stands for a place in the list of an order's payments.
func paymentCursor(id order.ID, p query.Place) string {
	return httpkit.SealToken("p", string(id)+"/"+p.ID, p.CreatedAt.UnixMicro())
}

func parsePaymentPlace(id order.ID, cursor string) (query.Place, error) {
	if cursor == "" {
		return query.Place{}, nil
	}
	both, micros, ok := httpkit.OpenToken("p", cursor)
	of, payment, _ := strings.Cut(both, "/")
	if !ok || of != string(id) || !httpkit.CanonicalID(payment) {
		return query.Place{}, badCursor()
	}
	return query.Place{CreatedAt: time.UnixMicro(micros).UTC(), ID: payment}, nil
}

// versionCursor stands for a place in an order's history.
func versionCursor(id order.ID, v es.Version) string {
	return httpkit.SealToken("h", string(id), int64(v))
}

func parseVersion(id order.ID, cursor string) (es.Version, error) {
	if cursor == "" {
		return 0, nil
	}
	of, version, ok := httpkit.OpenToken("h", cursor)
	if !ok || of != string(id) || version < 1 {
		return 0, badCursor()
	}
	return es.Version(version), nil
}

func badCursor() error {
	detail := "was not made by this list"
	return httpkit.No("invalid_cursor", "the cursor "+detail, httpkit.InputError{Pointer: "/query/cursor", Detail: detail})
}
