package httpkit

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"

	"github.com/millrace/millrace/app/command"
	"github.com/millrace/millrace/domain/payment"
	"github.com/millrace/millrace/domain/ticket"
	"github.com/millrace/millrace/internal/es"
)

// SealToken makes a token that clients carry around. It is opaque to them: a kind, a
// colon and two values, in base64. The first value has no colon.
func SealToken(kind, a string, b int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + a + ":" + strconv.FormatInt(b, 10)))
}

// OpenToken returns what is in a token of a kind.
func OpenToken(kind, token string) (a string, b int64, ok bool) {
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

// ConsistencyToken stands for an order, a payment or a ticket at the version of an
// outcome. The stream of an order goes without its category.
func ConsistencyToken(o es.Outcome) string {
	stream := string(command.Stream(o.CommandType, o.Target))
	return SealToken("w", strings.TrimPrefix(stream, command.Category+"-"), int64(o.Version))
}

// ParseConsistencyToken returns the stream and the version that a token stands for.
func ParseConsistencyToken(token string) (es.Stream, es.Version, error) {
	of, version, ok := OpenToken("w", token)
	switch {
	case !ok || version < 0:
	case CanonicalID(of):
		return es.StreamOf(command.Category, of), es.Version(version), nil
	case participant.MatchString(of):
		return es.Stream(of), es.Version(version), nil
	}
	return "", 0, BadParameter("/header/Consistency-Token", "was not made by this service")
}

const idForm = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

var (
	canonicalID = regexp.MustCompile(`^` + idForm + `$`)

	// participant is how the streams of payments and tickets look.
	participant = regexp.MustCompile(`^(?:` + payment.Category + `|` + ticket.Category + `)-` + idForm + `$`)
)

// ReadID reads the id that a path has under a name. It may be in capitals.
func ReadID(name, text string) (string, error) {
	id := strings.ToLower(text)
	if !CanonicalID(id) {
		return "", BadParameter("/path/"+name, notUUID)
	}
	return id, nil
}

// CanonicalID tells whether a text is an id as they are kept.
func CanonicalID(text string) bool { return canonicalID.MatchString(text) }
