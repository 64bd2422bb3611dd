package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/adapters/sqlstore"
)

func serveCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Serve runs the service until it is interrupted, then finishes what is under way.

With no settings it listens on 127.0.0.1:8080, keeps everything in millrace.db in
the current folder, and needs no servers.`,
		Args: cobra.NoArgs,
	}
	c.serveFlags(cmd.Flags())
	cmd.RunE = configured(&c, func(cmd *cobra.Command) error {
		return serve(cmd.Context(), c, func(public, admin string) {
			fmt.Fprint(cmd.OutOrStdout(), welcome(c, public, admin))
		})
	})
	return cmd
}

// serve runs the service until ctx is done. It calls ready with the addresses it
// listens on; the public one is empty without the role api.
func serve(ctx context.Context, c config, ready func(public, admin string)) error {
	log := c.logger()
	warnOfUnknown(log)
	spareTheCollector()
	m, err := build(ctx, c, log)
	if err != nil {
		return err
	}
	var public net.Listener // nil without the role api
	if m.public != nil {
		if public, err = listen("MILLRACE_HTTP_ADDR", c.HTTPAddr); err != nil {
			return errors.Join(err, m.close())
		}
	}
	admin, err := listen("MILLRACE_ADMIN_ADDR", c.AdminAddr)
	if err != nil {
		if public != nil {
			err = errors.Join(err, public.Close())
		}
		return errors.Join(err, m.close())
	}
	err = m.run(ctx, log, public, admin, ready)
	return errors.Join(err, m.close())
}

// spareTheCollector lets the heap grow to five times what is in use before it is
// collected, unless GOGC says otherwise. The service holds little and allocates
// much: this trades some 50 MB for a fifth of the processor time under load.
func spareTheCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

func listen(variable, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return l, nil
}

// run works until ctx is done and then stops in the order in which work flows:
// first the requests, then the handlers, then the relay.
func (m *millrace) run(ctx context.Context, log *slog.Logger, public, admin net.Listener, ready func(public, admin string)) error {
	failed := make(chan error, 3+len(m.handlers)+len(m.relay))
	handlers, relay := startAll(ctx, failed, m.handlers...), startAll(ctx, failed, m.relay...)
	defer handlers.cancel()
	defer relay.cancel()
	select {
	case <-m.ready:
	case <-ctx.Done():
	case err := <-failed:
		return errors.Join(err, handlers.stop(), relay.stop())
	}

	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	api := &http.Server{Handler: m.public, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: errorLog}
	ops := &http.Server{Handler: m.admin, ReadHeaderTimeout: 10 * time.Second, ErrorLog: errorLog}
	api.RegisterOnShutdown(m.endStreams)
	at := ""
	if public != nil {
		at = public.Addr().String()
		go listenTo(api, public, failed)
	}
	go listenTo(ops, admin, failed)
	ready(at, admin.Addr().String())

	var err error
	select {
	case <-ctx.Done():
		log.Info("shutting down")
	case err = <-failed:
	}
	enough, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	defer time.AfterFunc(20*time.Second, m.endWaits).Stop()
	if late := api.Shutdown(enough); late != nil {
		log.Warn("cut off clients that did not read their answers", "err", late)
		err = errors.Join(err, api.Close())
	}
	err = errors.Join(err, handlers.stop(), relay.stop(), ops.Shutdown(enough))
	if err == nil {
		log.Info("stopped")
	}
	return err
}

func listenTo(s *http.Server, l net.Listener, failed chan<- error) {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		failed <- fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
}

// group is some long-running parts that stop together.
type group struct {
	errgroup.Group
	cancel context.CancelFunc
}

// startAll starts parts that go on when ctx is done. It says so when one ends
// before it was told to.
func startAll(ctx context.Context, failed chan<- error, parts ...func(context.Context) error) *group {
	g := &group{}
	ctx, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, part := range parts {
		g.Go(func() error {
			err := part(ctx)
			if ctx.Err() == nil {
				failed <- errors.Join(errors.New("a part of the service has ended"), err)
			}
			return err
		})
	}
	return g
}

func (g *group) stop() error {
	g.cancel()
	return g.Wait()
}

func welcome(c config, public, admin string) string {
	is := fmt.Sprintf("Millrace %s is running on %s with %s\n", version, sqlstore.Shown(c.Store), broker.Shown(c.Broker))
	ops := fmt.Sprintf("  admin    http://%[1]s/readyz  http://%[1]s/metrics  http://%[1]s/admin/processes\n", admin)
	if c.has("payments") {
		ops += "  gateway  " + c.gatewayShown() + "\n"
	}
	if public == "" {
		return is + "  roles    " + c.Roles + "\n" + ops
	}
	return is + fmt.Sprintf(`
  API      http://%[1]s/v1/orders
  docs     http://%[1]s/docs
  contract http://%[1]s/openapi.yaml
%[2]s
A first order:

  curl -i http://%[1]s/v1/orders -H 'Content-Type: application/json' -d '{
    "customer_id": "c-42", "email": "a@example.com",
    "items": [{"product_id": "p-1", "title": "Margherita", "quantity": 2,
               "unit_price": {"amount": 950, "currency": "EUR"}}],
    "delivery_address": {"name": "A. Eater", "line1": "Canal 1",
                         "postal_code": "1011 AB", "city": "Amsterdam", "country": "NL"}}'

Ctrl-C stops it.
`, public, ops)
}
