package httpkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// MaxBody is the largest request body, in bytes.
const MaxBody = 1 << 20

// bodyTimeout is how long a client may take to send its body.
const bodyTimeout = 30 * time.Second

// ReadableTimes refuses times that look right and do not exist.
var ReadableTimes = openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error {
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return errors.New("must be a time as in RFC 3339")
	}
	return nil
}))

// CheckBody holds the body of a request against a schema, and leaves it to be read
// in a form that fits into Go's types.
func CheckBody(w http.ResponseWriter, r *http.Request, required bool, schema *openapi3.Schema) error {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout)) // a writer without deadlines is a test's
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	_ = conn.SetReadDeadline(time.Time{})
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return No("body_too_large", fmt.Sprintf("the body has more than %d bytes", MaxBody))
	}
	if err != nil {
		return No("malformed_json", "the body could not be read to its end")
	}
	if len(body) == 0 {
		r.Body = http.NoBody
		if required {
			return No("malformed_json", "the body is missing")
		}
		return nil
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || media != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return No("unsupported_media_type", "the body must be application/json in UTF-8")
	}
	if !utf8.Valid(body) {
		return No("malformed_json", "the body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return No("malformed_json", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return No("malformed_json", "something follows the JSON value")
	}
	if err := schema.VisitJSON(value, openapi3.MultiErrors(), openapi3.VisitAsRequest(), ReadableTimes); err != nil {
		errs := inputErrors(err)
		return No("invalid_request", summary(errs), errs...)
	}
	if body, err = withPlainIntegers(body, value); err != nil {
		return fmt.Errorf("encode the body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// CheckNoBody refuses a body that says anything, for operations that are told nothing
// by one. Without a body, and with an empty object, they are the same.
func CheckNoBody(w http.ResponseWriter, r *http.Request) error {
	return CheckBody(w, r, false, openapi3.NewObjectSchema().WithoutAdditionalProperties())
}
