package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// ServerConfig is what a Server can be told. Only the ledger has no default.
type ServerConfig struct {
	Ledger *Ledger

	// SlowAnswer is how long the answer to TokenSlow takes. Defaults to 2s.
	SlowAnswer time.Duration

	// Log is told of requests that failed. Defaults to slog.Default().
	Log *slog.Logger
}

// Server is a simulated payment gateway:
//
//	POST /charges          takes money; wants an Idempotency-Key
//	POST /refunds          gives it back; wants an Idempotency-Key
//	GET  /charges/{key}    what became of a charge
//	GET  /refunds/{key}    what became of a refund
//	GET  /charges          all charges, oldest first, by ?cursor= and &limit=,
//	                       or those for one order, by ?order_id=
//	GET  /refunds          all refunds, likewise
//	GET  /totals           what was taken, given back and kept, by currency
//	GET  /readyz           whether the ledger can be read
//
// What was taken or given back is answered with 201, and told as often as somebody
// asks with the same key. A charge that was declined is 402 and a refund that was
// refused 409, with the reason as the code of a problem.
type Server struct {
	ledger     *Ledger
	slowAnswer time.Duration
	log        *slog.Logger
	routes     http.Handler

	hurry   sync.Once
	hurried chan struct{} // closed when nobody is to wait any longer
}

// NewServer returns a gateway with the charges and refunds of a ledger.
func NewServer(c ServerConfig) *Server {
	s := &Server{
		ledger:     c.Ledger,
		slowAnswer: cmp.Or(max(c.SlowAnswer, 0), 2*time.Second),
		log:        cmp.Or(c.Log, slog.Default()),
		hurried:    make(chan struct{}),
	}
	s.routes = s.router(map[string]methods{
		"/charges":       {http.MethodGet: s.listCharges, http.MethodPost: s.charge},
		"/refunds":       {http.MethodGet: s.listRefunds, http.MethodPost: s.refund},
		"/charges/{key}": {http.MethodGet: s.findCharge},
		"/refunds/{key}": {http.MethodGet: s.findRefund},
		"/totals":        {http.MethodGet: s.totals},
		"/readyz":        {http.MethodGet: s.health},
	})
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// Audit returns a handler for what can be read, without charges and refunds being
// made.
func (s *Server) Audit() http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			return newProblem("method_not_allowed", "here the ledger can only be read")
		}
		s.ServeHTTP(w, r)
		return nil
	})
}

// Hurry ends the waits for slow answers: they are given at once from now on. It is
// for servers that shut down.
func (s *Server) Hurry() { s.hurry.Do(func() { close(s.hurried) }) }

// methods is what can be asked of a path.
type methods map[string]func(http.ResponseWriter, *http.Request) error

func (s *Server) router(paths map[string]methods) http.Handler {
	r := chi.NewRouter()
	r.NotFound(s.handle(func(http.ResponseWriter, *http.Request) error {
		return newProblem("not_found", "there is nothing at this path")
	}))
	for path, known := range paths {
		r.HandleFunc(path, s.handle(known.answer))
	}
	return r
}

func (known methods) answer(w http.ResponseWriter, r *http.Request) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	answer, ok := known[method]
	if !ok {
		allowed := slices.Sorted(maps.Keys(known))
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return newProblem("method_not_allowed", "this path knows "+strings.Join(allowed, " and "))
	}
	return answer(w, r)
}

func (s *Server) charge(w http.ResponseWriter, r *http.Request) error {
	asked, err := readCharge(w, r)
	if err != nil {
		return err
	}
	if asked.Method == TokenError {
		fails, err := s.ledger.FailOnce(r.Context(), asked.Key)
		if err != nil {
			return err
		}
		if fails {
			return newProblem(codeGatewayError, "nothing was charged; ask again")
		}
	}
	asked.Reference, asked.At = "ch_"+uuid.NewString(), time.Now()
	asked.Status, asked.Code = StatusCharged, declines(asked.Method)
	if asked.Code != "" {
		asked.Status = StatusDeclined
	}
	c, first, err := s.ledger.Charge(r.Context(), asked)
	switch {
	case err != nil:
		return err
	case c.Status == StatusDeclined:
		return refusal(c.Code, c.whyDeclined(), c.Key, c.Reference)
	case first && c.Method == TokenUnknown:
		panic(http.ErrAbortHandler) // has the server cut the connection
	case first && c.Method == TokenSlow:
		s.wait(r.Context())
	}
	respond(w, http.StatusCreated, "application/json", c)
	return nil
}

// wait takes as long as a slow answer, unless the client or the server leaves.
func (s *Server) wait(ctx context.Context) {
	enough := time.NewTimer(s.slowAnswer)
	defer enough.Stop()
	select {
	case <-enough.C:
	case <-ctx.Done():
	case <-s.hurried:
	}
}

func (s *Server) refund(w http.ResponseWriter, r *http.Request) error {
	asked, err := readRefund(w, r)
	if err != nil {
		return err
	}
	asked.Reference, asked.At = "re_"+uuid.NewString(), time.Now()
	refund, err := s.ledger.Refund(r.Context(), asked)
	switch {
	case err != nil:
		return err
	case refund.Status == StatusRefused:
		why, err := s.ledger.whyRefused(r.Context(), refund)
		if err != nil {
			return err
		}
		return refusal(refund.Code, why, refund.Key, refund.Reference)
	}
	respond(w, http.StatusCreated, "application/json", refund)
	return nil
}
