package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/adapters/gateway"
)

func gatewaySimulatorCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:   "gateway-simulator",
		Short: "Run a payment gateway that takes no money",
		Long: `Gateway-simulator runs a payment gateway that takes no money, until it is interrupted.
It decides by the payment method and keeps every charge and refund in its ledger,
a SQLite file. It charges

  tok_ok               at once
  tok_slow             at once, and answers late
  tok_error            when asked again; the first time it fails and charges nothing
  tok_unknown          at once, and cuts the connection; who asks again gets the answer
  tok_refund_refused   at once, and refuses every refund of it

and declines tok_declined and whatever it does not know.`,
		Args: cobra.NoArgs,
	}
	c.gatewaySimulatorFlags(cmd.Flags())
	cmd.RunE = configured(&c, func(cmd *cobra.Command) error {
		return simulateGateway(cmd.Context(), c, func(addr string) {
			fmt.Fprint(cmd.OutOrStdout(), gatewayWelcome(c, addr))
		})
	})
	return cmd
}

// simulateGateway runs the gateway simulator until ctx is done. It calls ready with
// the address that it listens on.
func simulateGateway(ctx context.Context, c config, ready func(addr string)) (err error) {
	log := c.logger()
	ledger, err := gateway.OpenLedger(ctx, c.Ledger)
	if err != nil {
		return fmt.Errorf("MILLRACE_LEDGER: %w", err)
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	listener, err := listen("MILLRACE_GATEWAY_ADDR", c.GatewayAddr)
	if err != nil {
		return err
	}
	simulator := gateway.NewServer(gateway.ServerConfig{Ledger: ledger, SlowAnswer: c.SlowPayment, Log: log})
	server := &http.Server{
		Handler:           simulator,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(simulator.Hurry)
	failed := make(chan error, 1)
	go listenTo(server, listener, failed)
	ready(listener.Addr().String())

	select {
	case <-ctx.Done():
		log.Info("shutting down")
	case err = <-failed:
	}
	enough, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if late := server.Shutdown(enough); late != nil {
		log.Warn("cut off clients that did not read their answers", "err", late)
		err = errors.Join(err, server.Close())
	}
	return err
}

func gatewayWelcome(c config, addr string) string {
	return fmt.Sprintf(`A payment gateway that takes no money is running on http://%[1]s
with its ledger in %[2]s

A charge, and its refund:

  curl -i http://%[1]s/charges -H 'Idempotency-Key: c-1' -H 'Content-Type: application/json' -d '{
    "amount": 1900, "currency": "EUR", "payment_method": "tok_ok", "order_id": "o-1"}'
  curl -i http://%[1]s/refunds -H 'Idempotency-Key: r-1' -H 'Content-Type: application/json' -d '{
    "charge_key": "c-1", "amount": 1900, "currency": "EUR", "reason": "a try"}'

What it took, gave back and kept:

  curl http://%[1]s/charges
  curl http://%[1]s/refunds
  curl 'http://%[1]s/charges?order_id=o-1'
  curl http://%[1]s/totals

Ctrl-C stops it.
`, addr, c.Ledger)
}
