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
	// nil if there is none.
	Gateway http.Handler

	Log *slog.Logger

	// Processes knows what processes are doing, and Retry asks one to try again. It
	// returns es.ErrNoProcess if there is none.
	Processes query.Processes
	Retry     func(ctx context.Context, name, id string) error
	Now       func() time.Time
}

// New returns the handler for the admin listener.
func New(c Config) http.Handler {
	r := chi.NewRouter()
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
	if c.Writes != nil {
		mountRefunds(r, c.Writes, c.Log)
	}
	r.Get(commandsPath+"{id}", c.showOutcome)
	if c.Gateway != nil {
		r.Mount("/gateway", http.StripPrefix("/gateway", c.Gateway))
	}
	r.Handle("/metrics", promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{}))
	c.processes(r)
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
