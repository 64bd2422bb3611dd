package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/millrace/millrace/api"
	"github.com/millrace/millrace/ports/httpkit"
)

// httpContract holds requests and answers against api/openapi.yaml.
type httpContract struct {
	doc   *openapi3.T
	codes map[string]int // the table of problems: status by code
}

var problemRow = regexp.MustCompile("(?m)^\\| ([0-9]{3}) \\| `([a-z_]+)` \\|")

// loadContract reads the contract, once for all tests.
var loadContract = sync.OnceValues(func() (*httpContract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		return nil, err
	}
	c := &httpContract{doc: doc, codes: map[string]int{}}
	for _, row := range problemRow.FindAllStringSubmatch(doc.Info.Description, -1) {
		c.codes[row[2]], _ = strconv.Atoi(row[1]) // three digits
	}
	return c, nil
})

// route finds the operation that a request is for. Without one, known tells
// whether the path has other methods.
func (c *httpContract) route(r *http.Request) (route *routers.Route, params map[string]string, known bool) {
	path, ours := strings.CutPrefix(r.URL.EscapedPath(), "/v1")
	if !ours {
		return nil, nil, false
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, template := range c.doc.Paths.InMatchingOrder() {
		params, ok := match(template, path)
		if !ok {
			continue
		}
		item := c.doc.Paths.Value(template)
		if operation := item.GetOperation(method); operation != nil {
			return &routers.Route{Spec: c.doc, Path: template, PathItem: item, Method: method, Operation: operation}, params, true
		}
		known = true
	}
	return nil, nil, known
}

func match(template, path string) (params map[string]string, ok bool) {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	params = map[string]string{}
	for i, segment := range want {
		switch {
		case strings.HasPrefix(segment, "{") && (have[i] != "" || i+1 < len(want)): // an id that is empty is a bad one, but not at the end
			params[strings.Trim(segment, "{}")] = have[i]
		case segment != have[i]:
			return nil, false
		}
	}
	return params, true
}

// check returns what an answer has that the contract does not allow. The body of
// an event stream is not looked at, because it has no end.
func (c *httpContract) check(r *http.Request, sent []byte, status int, header http.Header, body []byte) error {
	if status >= http.StatusBadRequest && r.Method != http.MethodHead {
		if err := c.checkProblem(status, header, body); err != nil {
			return err
		}
	}
	route, params, known := c.route(r)
	if route == nil {
		return checkStray(r, known, status, header)
	}
	request := r.Clone(context.Background())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	asked := &openapi3filter.RequestValidationInput{
		Request: request, Route: route, PathParams: params,
		Options: &openapi3filter.Options{SkipSettingDefaults: true},
	}
	if status < http.StatusMultipleChoices {
		if err := openapi3filter.ValidateRequest(context.Background(), asked); err != nil {
			return fmt.Errorf("answered %d to what the contract forbids: %w", status, err)
		}
	}
	stream := strings.HasPrefix(header.Get("Content-Type"), "text/event-stream")
	answered := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: status, Header: header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: stream},
	}
	answered.SetBodyBytes(body)
	return openapi3filter.ValidateResponse(context.Background(), answered)
}

// checkStray looks at the answer to a request that is for no operation.
func checkStray(r *http.Request, known bool, status int, header http.Header) error {
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		return nil
	}
	switch {
	case known && status != http.StatusMethodNotAllowed:
		return fmt.Errorf("status %d for a method that the path does not have, want 405", status)
	case known && header.Get("Allow") == "":
		return errors.New("405 without Allow")
	case !known && status != http.StatusNotFound:
		return fmt.Errorf("status %d for a path that the contract does not have, want 404", status)
	}
	return nil
}

// checkProblem holds every error against the schema and the table of problems.
func (c *httpContract) checkProblem(status int, header http.Header, body []byte) error {
	if got := header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("status %d with a body of %q: %.100q", status, got, body)
	}
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("read the problem: %w", err)
	}
	if err := c.doc.Components.Schemas["Problem"].Value.VisitJSON(value); err != nil {
		return fmt.Errorf("the problem is not one: %w", err)
	}
	code, _ := value["code"].(string)
	listed, known := c.codes[code]
	if !known {
		return fmt.Errorf("the contract's table of problems has no %s", code)
	}
	if listed != status || value["status"] != float64(status) {
		return fmt.Errorf("%s came with status %d and says %v, the contract has %d", code, status, value["status"], listed)
	}
	if want := "urn:millrace:problem:" + code; value["type"] != want {
		return fmt.Errorf("the problem has type %v, want %s", value["type"], want)
	}
	return nil
}

// checkedTransport sends requests and fails the test when an answer is not one
// that the contract allows.
type checkedTransport struct {
	testing.TB
	contract *httpContract
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *checkedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	var body []byte
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		body, err = io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := c.contract.check(r, sent, response.StatusCode, response.Header, body); err != nil {
		c.Errorf("%s %s: the answer breaks the contract: %v", r.Method, r.URL, err)
	}
	return response, nil
}

var rejection = regexp.MustCompile(`rule\.(?:No|Wrong)\("([a-z_]+)"`)

// The outcome of any command can be asked for, so every rejection is in the table.
func TestTableOfProblemsHasEveryRejection(t *testing.T) {
	t.Parallel()
	contract, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../domain/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, no := range rejection.FindAllSubmatch(source, -1) {
			found++
			code := string(no[1])
			if status, want := contract.codes[code], httpkit.No(code, "").Status; status != want {
				t.Errorf("%s is answered with %d (%s), and the table of problems says %d", code, want, file, status)
			}
		}
	}
	if found < 30 {
		t.Errorf("%d rejections were found, want all of them", found)
	}
}
