package httpapi

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/domain/order"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
)

// Tokens that clients carry around are opaque to them: a kind, a colon and two
// values, in base64.

func sealToken(kind, a string, b int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + a + ":" + strconv.FormatInt(b, 10)))
}

func openToken(kind, token string) (a string, b int64, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", 0, false
	}
	parts := strings.Split(string(raw), ":")
	if len(parts) != 3 || parts[0] != kind {
		return "", 0, false
	}
	b, err = strconv.ParseInt(parts[2], 10, 64)
	return parts[1], b, err == nil
}

// consistencyToken stands for an order, a payment or a ticket at a version. The
// stream of an order goes without its category.
func consistencyToken(o es.Outcome) string {
	stream := string(command.Stream(o.CommandType, o.Target))
	return sealToken("w", strings.TrimPrefix(stream, command.Category+"-"), int64(o.Version))
}

func parseConsistencyToken(token string) (es.Stream, es.Version, error) {
	of, version, ok := openToken("w", token)
	if canonicalID.MatchString(of) {
		of = command.Category + "-" + of
	}
	if !ok || version < 0 || !viewed.MatchString(of) {
		detail := "was not made by this service"
		return "", 0, problem("invalid_parameter", "/header/Consistency-Token "+detail,
			contract.InputError{Pointer: "/header/Consistency-Token", Detail: detail})
	}
	return es.Stream(of), es.Version(version), nil
}

// canonicalID is how ids look, and viewed how the streams do that views follow.
var (
	canonicalID = regexp.MustCompile(`^` + uuidForm + `$`)
	viewed      = regexp.MustCompile(`^(?:` + command.Category + `|` + payment.Category + `|` + ticket.Category + `)-` + uuidForm + `$`)
)

const uuidForm = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

// placeCursor stands for a place in a list of orders.
func placeCursor(kind string, p query.Place) string {
	return sealToken(kind, p.ID, p.CreatedAt.UnixMicro())
}

func parsePlace(kind, cursor string) (query.Place, error) {
	if cursor == "" {
		return query.Place{}, nil
	}
	id, micros, ok := openToken(kind, cursor)
	if !ok || !canonicalID.MatchString(id) {
		return query.Place{}, badCursor()
	}
	return query.Place{CreatedAt: time.UnixMicro(micros).UTC(), ID: id}, nil
}

// versionCursor stands for a place in an order's history.
func versionCursor(id order.ID, v es.Version) string { return sealToken("h", string(id), int64(v)) }

func parseVersion(id order.ID, cursor string) (es.Version, error) {
	if cursor == "" {
		return 0, nil
	}
	of, version, ok := openToken("h", cursor)
	if !ok || of != string(id) || version < 1 {
		return 0, badCursor()
	}
	return es.Version(version), nil
}

func badCursor() error {
	detail := "was not made by this list"
	return problem("invalid_cursor", "the cursor "+detail, contract.InputError{Pointer: "/query/cursor", Detail: detail})
}
