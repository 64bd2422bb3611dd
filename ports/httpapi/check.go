package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"

	"github.com/millrace/millrace/api"
	"github.com/millrace/millrace/ports/httpapi/contract"
	"github.com/millrace/millrace/ports/httpkit"
)

// checker holds requests against the contract before they are decoded.
type checker struct {
	routes map[string]*routers.Route // by method and path template
	places map[string]string         // where each parameter stands, by its name
}

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
	switch want := route.Operation.RequestBody; {
	case want != nil:
		return httpkit.CheckBody(w, r, want.Value.Required, want.Value.Content["application/json"].Schema.Value)
	case method != http.MethodGet: // on which a body means nothing
		return httpkit.CheckNoBody(w, r)
	}
	return nil
}

func checkParameters(r *http.Request, route *routers.Route) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // what cannot be read would be left out
		return httpkit.No("invalid_parameter", "the query cannot be read: "+err.Error(),
			httpkit.InputError{Pointer: "/query", Detail: err.Error()})
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, Route: route, PathParams: pathParams(r), QueryParams: values,
		Options: &openapi3filter.Options{
			SkipSettingDefaults: true, MultiError: true,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{httpkit.ReadableTimes},
		},
	}
	var errs []httpkit.InputError
	for _, p := range slices.Concat(route.PathItem.Parameters, route.Operation.Parameters) {
		if err := openapi3filter.ValidateParameter(r.Context(), input, p.Value); err != nil {
			errs = append(errs, httpkit.InputError{
				Pointer: "/" + p.Value.In + "/" + p.Value.Name, Detail: httpkit.Reason(err),
			})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return httpkit.No("invalid_parameter", errs[0].Pointer+" "+errs[0].Detail, errs...)
}

func pathParams(r *http.Request) map[string]string {
	params := map[string]string{}
	url := chi.RouteContext(r.Context()).URLParams
	for i, key := range url.Keys {
		params[key] = url.Values[i]
	}
	return params
}

// unreadable is for a body that satisfies the contract and still does not fit
// into our types, which should not happen.
func unreadable(err error) error {
	return httpkit.No("invalid_request", strings.TrimPrefix(err.Error(), "can't decode JSON body: "))
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
	return httpkit.BadParameter(pointer, err.Error())
}
