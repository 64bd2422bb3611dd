// Package adminapi is the port for those who run the service: health, metrics,
// profiles, refunds and what processes are doing, on a listener of its own.
package adminapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/millrace/millrace/app/query"
	"github.com/millrace/millrace/ports/httpkit"
)

// Config is what the port needs.
type Config struct {
	Metrics prometheus.Gatherer

	// Ready tells what the service cannot do without right now, or nil.
	Ready func(context.Context) error

	// Writes takes in what operators ask for. Without it they ask another process.
	Writes *httpkit.Writes

	// Outcomes knows what became of what they asked for, here or at another process on
	// this store.
	Outcomes httpkit.Outcomes

	// Gateway shows the ledger of the gateway that is simulated in this process. It is
	// nil if there is none; GatewayAt is then where the gateway is, as far as this
	// process knows.
	Gateway   http.Handler
	GatewayAt string

	Log *slog.Logger

	// Roles are those of this process, for people.
	Roles string

	// Managers are all that there are of processes. Processes knows what those are doing
	// that are in the store, and Retry asks one to try again. It returns es.ErrNoProcess
	// if there is none.
	Managers  []Manager
	Processes query.Processes
	Retry     func(ctx context.Context, name, id string) error
	Now       func() time.Time
}

// New returns the handler for the admin listener.
func New(c Config) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.GetHead)
	httpkit.Strays(r, func(w http.ResponseWriter, r *http.Request, err error) { httpkit.Fail(c.Log, w, r, err) })
	r.Get("/livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	r.Get("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := c.Ready(ctx); err != nil {
			say(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	c.refunds(r)
	r.Get(commandsPath+"{id}", c.answered(c.showOutcome))
	c.processes(r)
	if c.Gateway != nil {
		r.Mount("/gateway", http.StripPrefix("/gateway", c.Gateway))
	} else {
		r.Mount("/gateway", c.elsewhere(c.noGateway()))
	}
	r.Handle("/metrics", promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{}))
	r.HandleFunc("/debug/pprof/", pprof.Index)
	r.HandleFunc("/debug/pprof/profile", pprof.Profile)
	r.HandleFunc("/debug/pprof/trace", pprof.Trace)
	r.HandleFunc("/debug/pprof/{name}", func(w http.ResponseWriter, r *http.Request) {
		pprof.Handler(chi.URLParam(r, "name")).ServeHTTP(w, r)
	})
	return r
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the prober has gone
}
