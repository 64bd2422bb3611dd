package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"

	"github.com/millrace/millrace/api"
	"github.com/millrace/millrace/ports/httpapi/contract"
)

// MaxBody is the largest request body, in bytes.
const MaxBody = 1 << 20

// bodyTimeout is how long a client may take to send its body.
const bodyTimeout = 30 * time.Second

// checker holds requests against the contract before they are decoded.
type checker struct {
	routes map[string]*routers.Route // by method and path template
	places map[string]string         // where each parameter stands, by its name
}

// readableTimes refuses times that look right and do not exist.
var readableTimes = openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error {
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return errors.New("must be a time as in RFC 3339")
	}
	return nil
}))

func newChecker() (*checker, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	c := &checker{routes: map[string]*routers.Route{}, places: map[string]string{}}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for _, p := range slices.Concat(item.Parameters, operation.Parameters) {
				c.places[p.Value.Name] = p.Value.In
			}
			c.routes[method+" /v1"+path] = &routers.Route{
				Spec: doc, Path: path, PathItem: item, Method: method, Operation: operation,
			}
		}
	}
	return c, nil
}

// middleware lets through what the contract allows.
func (c *checker) middleware(next http.Handler, fail func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.check(w, r); err != nil {
			fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c *checker) check(w http.ResponseWriter, r *http.Request) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route, ok := c.routes[method+" "+chi.RouteContext(r.Context()).RoutePattern()]
	if !ok {
		return fmt.Errorf("the contract has no %s %s", method, r.URL.Path)
	}
	if err := checkParameters(r, route); err != nil {
		return err
	}
	if route.Operation.RequestBody == nil {
		return nil
	}
	return checkBody(w, r, route.Operation.RequestBody.Value)
}

func checkParameters(r *http.Request, route *routers.Route) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // what cannot be read would be left out
		return problem("invalid_parameter", "the query cannot be read: "+err.Error(),
			contract.InputError{Pointer: "/query", Detail: err.Error()})
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, Route: route, PathParams: pathParams(r), QueryParams: values,
		Options: &openapi3filter.Options{
			SkipSettingDefaults: true, MultiError: true,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{readableTimes},
		},
	}
	var errs []contract.InputError
	for _, p := range slices.Concat(route.PathItem.Parameters, route.Operation.Parameters) {
		if err := openapi3filter.ValidateParameter(r.Context(), input, p.Value); err != nil {
			errs = append(errs, contract.InputError{
				Pointer: "/" + p.Value.In + "/" + p.Value.Name, Detail: reason(err),
			})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return problem("invalid_parameter", errs[0].Pointer+": "+errs[0].Detail, errs...)
}

func pathParams(r *http.Request) map[string]string {
	params := map[string]string{}
	url := chi.RouteContext(r.Context()).URLParams
	for i, key := range url.Keys {
		params[key] = url.Values[i]
	}
	return params
}

func checkBody(w http.ResponseWriter, r *http.Request, want *openapi3.RequestBody) error {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout)) // a writer without deadlines is a test's
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	_ = conn.SetReadDeadline(time.Time{})
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return problem("body_too_large", fmt.Sprintf("the body has more than %d bytes", MaxBody))
	}
	if err != nil {
		return problem("malformed_json", "the body could not be read to its end")
	}
	if len(body) == 0 {
		r.Body = http.NoBody
		if want.Required {
			return problem("malformed_json", "the body is missing")
		}
		return nil
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || media != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return problem("unsupported_media_type", "the body must be application/json in UTF-8")
	}
	if !utf8.Valid(body) {
		return problem("malformed_json", "the body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return problem("malformed_json", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return problem("malformed_json", "something follows the JSON value")
	}
	schema := want.Content["application/json"].Schema.Value
	if err := schema.VisitJSON(value, openapi3.MultiErrors(), openapi3.VisitAsRequest(), readableTimes); err != nil {
		errs := inputErrors(err)
		return problem("invalid_request", summary(errs), errs...)
	}
	if body, err = withPlainIntegers(body, value); err != nil {
		return fmt.Errorf("encode the body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// inputErrors lists what is wrong with a body, and where.
func inputErrors(err error) []contract.InputError {
	if many, ok := errors.AsType[openapi3.MultiError](err); ok {
		var all []contract.InputError
		for _, e := range many {
			all = append(all, inputErrors(e)...)
		}
		return all
	}
	e, ok := errors.AsType[*openapi3.SchemaError](err)
	if !ok {
		return []contract.InputError{{Detail: err.Error()}}
	}
	return []contract.InputError{{Pointer: pointer(e), Detail: reason(e)}}
}

// unsupported is how the contract's checker says that it does not know a
// property. Its pointer is that of the object around it.
var unsupported = regexp.MustCompile(`^property ("(?:[^"\\]|\\.)*") is unsupported$`)

func pointer(e *openapi3.SchemaError) string {
	keys := e.JSONPointer()
	if m := unsupported.FindStringSubmatch(e.Reason); m != nil {
		if name, err := strconv.Unquote(m[1]); err == nil {
			keys = append(slices.Clone(keys), name)
		}
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, key := range keys {
		b.WriteString("/" + escape.Replace(key))
	}
	return b.String()
}

func summary(errs []contract.InputError) string {
	s := strings.TrimSpace(errs[0].Pointer + " " + errs[0].Detail)
	if len(errs) > 1 {
		s += fmt.Sprintf(", and %d more", len(errs)-1)
	}
	return s
}

// reason finds the plainest words in an error of the contract's checker.
func reason(err error) string {
	if e, ok := errors.AsType[*openapi3.SchemaError](err); ok {
		if e.SchemaField == "pattern" && e.Schema.Pattern == `\S` {
			return "must not be blank"
		}
		return e.Reason
	}
	if e, ok := errors.AsType[*openapi3filter.ParseError](err); ok {
		return "cannot be read: " + e.Error()
	}
	if e, ok := errors.AsType[*openapi3filter.RequestError](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// unreadable is for a body that satisfies the contract and still does not fit
// into our types, which should not happen.
func unreadable(err error) error {
	return problem("invalid_request", strings.TrimPrefix(err.Error(), "can't decode JSON body: "))
}

// badParameter is for a parameter that the generated code could not bind.
func (c *checker) badParameter(err error) error {
	var name string
	switch e := err.(type) {
	case *contract.InvalidParamFormatError:
		name = e.ParamName
	case *contract.TooManyValuesForParamError:
		name = e.ParamName
	case *contract.RequiredParamError:
		name = e.ParamName
	case *contract.RequiredHeaderError:
		name = e.ParamName
	}
	pointer := "/" + c.places[name] + "/" + name
	return problem("invalid_parameter", pointer+": "+err.Error(), contract.InputError{Pointer: pointer, Detail: err.Error()})
}
