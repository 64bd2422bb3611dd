package httpkit

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Strays answers requests that no route of a router is for: for a path that is not
// there, or for a method that a path does not know.
func Strays(r chi.Router, fail func(http.ResponseWriter, *http.Request, error)) {
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { fail(w, r, NoPath()) })
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		methods := allowed(r)
		if methods == "" {
			fail(w, r, NoPath())
			return
		}
		w.Header().Set("Allow", methods)
		fail(w, r, No("method_not_allowed", "this path does not know the method "+r.Method))
	})
}

// allowed lists the methods that a path knows.
func allowed(r *http.Request) string {
	var methods []string
	routes := chi.RouteContext(r.Context()).Routes
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		if routes.Match(chi.NewRouteContext(), m, r.URL.Path) {
			methods = append(methods, m)
		}
	}
	if i := slices.Index(methods, http.MethodGet); i >= 0 {
		methods = slices.Insert(methods, i+1, http.MethodHead)
	}
	return strings.Join(methods, ", ")
}

// NoPath is the problem of a path that nothing answers at.
func NoPath() error { return No("not_found", "nothing answers at this path") }
