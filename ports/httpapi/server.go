// Package httpapi is the HTTP port: the operations of api/openapi.yaml on top of
// the application. The contract package beside it is generated; this one fills
// it with life.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/internal/es"
	"github.com/millrace/millrace/ports/httpapi/contract"
	"github.com/millrace/millrace/ports/httpkit"
)

// Config is what the port needs.
type Config struct {
	Writes        *httpkit.Writes
	Outcomes      httpkit.Outcomes
	Orders        query.Orders
	History       *query.History
	Payments      query.Payments
	Tickets       query.Tickets
	TicketHistory *query.TicketHistory
	Freshness     *query.Freshness
	Feed          es.Feed
	FeedMoved     *es.Notices[struct{}]
	Log           *slog.Logger
	NewID         func() string

	// Heartbeat is how often a silent event stream says that it is alive.
	Heartbeat time.Duration

	// Done ends the event streams, so that the server can shut down.
	Done <-chan struct{}
}

// server implements contract.StrictServerInterface.
type server struct{ Config }

// New returns the handler for the public listener.
func New(c Config) (http.Handler, error) {
	s := &server{c}
	check, err := newChecker()
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.Use(s.recoverer, joinHeaders, markHead, middleware.GetHead)
	httpkit.Strays(r, s.fail)
	mountDocs(r, s.fail)

	strict := contract.NewStrictHandlerWithOptions(s, nil, contract.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  func(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, unreadable(err)) },
		ResponseErrorHandlerFunc: s.fail,
	})
	contract.HandlerWithOptions(strict, contract.ChiServerOptions{
		BaseURL:    "/v1",
		BaseRouter: r,
		Middlewares: []contract.MiddlewareFunc{func(next http.Handler) http.Handler {
			return check.middleware(next, s.fail)
		}},
		ErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, check.badParameter(err)) },
	})
	return r, nil
}

// recoverer turns a panic, which is a fault of ours, into an answer.
func (s *server) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				s.Log.ErrorContext(r.Context(), "panic in a request", "method", r.Method, "path", r.URL.Path, "panic", p)
				s.fail(w, r, httpkit.No("internal_error", "something went wrong on our side"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// joinHeaders makes one line of headers that came in several, which HTTP says is
// the same.
func joinHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Prefer", "If-Match", "If-None-Match"} {
			if values := r.Header.Values(name); len(values) > 1 {
				r.Header.Set(name, strings.Join(values, ", "))
			}
		}
		next.ServeHTTP(w, r)
	})
}

// headKey marks the context of a request that wants no body.
type headKey struct{}

// markHead lets an answer that would never end know that nobody wants it.
func markHead(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
		}
		next.ServeHTTP(w, r)
	})
}

// fail answers a request with a problem.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	httpkit.Fail(s.Log, w, r, err)
}
