package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/millrace/millrace/adapters/broker"
	"github.com/millrace/millrace/adapters/gateway"
	"github.com/millrace/millrace/adapters/sqlstore"
)

// config is every setting there is. The flags method names and documents them.
type config struct {
	HTTPAddr    string
	AdminAddr   string
	Store       string
	Broker      string
	Roles       string
	Concurrency int
	Prefetch    int
	MaxWrites   int
	Retries     int
	Backoff     time.Duration
	ResendAfter time.Duration
	Lease       time.Duration
	ViewTimeout time.Duration
	Heartbeat   time.Duration

	// Of the participants and the checkout.
	Gateway           string
	GatewayTimeout    time.Duration
	SlowPayment       time.Duration
	PaymentTimeout    time.Duration
	RestaurantTimeout time.Duration
	CustomerTimeout   time.Duration
	Restaurant        string
	SoldOut           []string
	MaxPieces         int
	GatewayAddr       string
	Ledger            string

	LogLevel  string
	LogFormat string
}

// storeFlags are the settings of every command that opens the store.
func (c *config) storeFlags(f *pflag.FlagSet) {
	f.StringVar(&c.Store, "store", "sqlite:millrace.db", "where events, views and the journal are kept: sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE")
	c.logFlags(f)
}

// logFlags are the settings of every command that goes on for long.
func (c *config) logFlags(f *pflag.FlagSet) {
	f.StringVar(&c.LogLevel, "log-level", "info", "the least important messages to log: debug, info, warn or error")
	f.StringVar(&c.LogFormat, "log-format", "text", "how to log: text or json")
}

// brokerFlag is the setting of every command that opens the broker.
func (c *config) brokerFlag(f *pflag.FlagSet) {
	f.StringVar(&c.Broker, "broker", "memory:", "what carries commands and events: one of "+strings.Join(brokerSchemes(), ", "))
}

// brokerSchemes are the beginnings of the addresses of brokers.
func brokerSchemes() []string { return append(broker.Schemes(), inStore) }

// has tells whether this process has a role.
func (c *config) has(role string) bool {
	return c.Roles == "all" || slices.Contains(strings.Split(c.Roles, ","), role)
}

// adminFlags are the settings of every command that talks to a running service.
func (c *config) adminFlags(f *pflag.FlagSet) {
	f.StringVar(&c.AdminAddr, "admin-addr", "127.0.0.1:8081", "address for health, metrics and profiles")
}

// serveFlags are all settings.
func (c *config) serveFlags(f *pflag.FlagSet) {
	c.storeFlags(f)
	c.adminFlags(f)
	f.StringVar(&c.HTTPAddr, "http-addr", "127.0.0.1:8080", "address of the public API")
	c.brokerFlag(f)
	f.StringVar(&c.Roles, "roles", "all", "what this process does: all, or any of "+strings.Join(roleNames, ","))
	f.IntVar(&c.Concurrency, "concurrency", 64, "messages that each handler works on at a time")
	f.IntVar(&c.Prefetch, "prefetch", 256, "messages that the broker hands to each handler at a time; those that wait for a retry are among them")
	f.IntVar(&c.MaxWrites, "max-writes", 4096, "writes that may wait for their outcome at a time; more are answered with 503")
	f.IntVar(&c.Retries, "retries", 8, "how often a failed message is tried again before it becomes a dead letter")
	f.DurationVar(&c.Backoff, "backoff", 100*time.Millisecond, "delay before the first retry; it grows with every further one")
	f.DurationVar(&c.ResendAfter, "resend-after", 30*time.Second, "how long a command may stay without an outcome before it is sent again")
	f.DurationVar(&c.Lease, "lease", 10*time.Second, "how long a process that has died keeps others from relaying")
	f.DurationVar(&c.ViewTimeout, "view-timeout", 5*time.Second, "how long a read with a Consistency-Token waits for the views")
	f.DurationVar(&c.Heartbeat, "heartbeat", 15*time.Second, "how often a silent event stream says that it is alive")
	c.participantFlags(f)
}

// check refuses settings that cannot work, naming the variable.
func (c *config) check(f *pflag.FlagSet) error {
	rules := map[string]func() error{
		"http-addr":          func() error { return checkAddress(c.HTTPAddr) },
		"admin-addr":         func() error { return checkAddress(c.AdminAddr) },
		"store":              func() error { return oneOf(scheme(c.Store), sqlstore.Schemes()...) },
		"broker":             func() error { return c.checkBroker() },
		"roles":              func() error { return c.checkRoles() },
		"prefetch":           func() error { return from(1, 100_000, c.Prefetch) },
		"resend-after":       func() error { return positive(c.ResendAfter) },
		"lease":              func() error { return positive(c.Lease) },
		"concurrency":        func() error { return from(1, 10_000, c.Concurrency) },
		"max-writes":         func() error { return from(1, 1_000_000, c.MaxWrites) },
		"retries":            func() error { return from(0, 100, c.Retries) },
		"backoff":            func() error { return positive(c.Backoff) },
		"view-timeout":       func() error { return positive(c.ViewTimeout) },
		"heartbeat":          func() error { return positive(c.Heartbeat) },
		"slow-payment":       func() error { return positive(c.SlowPayment) },
		"gateway-timeout":    func() error { return positive(c.GatewayTimeout) },
		"payment-timeout":    func() error { return positive(c.PaymentTimeout) },
		"restaurant-timeout": func() error { return positive(c.RestaurantTimeout) },
		"customer-timeout":   func() error { return positive(c.CustomerTimeout) },
		"restaurant":         func() error { return oneOf(c.Restaurant, "accept", "by-hand") },
		"sold-out":           func() error { return c.checkSoldOut() },
		"max-pieces":         func() error { return from(0, 1_000_000, c.MaxPieces) },
		"gateway-addr":       func() error { return checkAddress(c.GatewayAddr) },
		"ledger":             func() error { return checkPath(c.Ledger) },
		"gateway":            func() error { return oneOf(scheme(c.Gateway), gateway.Schemes()...) },
		"log-level":          func() error { return oneOf(c.LogLevel, "debug", "info", "warn", "error") },
		"log-format":         func() error { return oneOf(c.LogFormat, "text", "json") },
	}
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		if rule, ok := rules[flag.Name]; ok {
			if err := rule(); err != nil {
				errs = append(errs, fmt.Errorf("%s=%q: %w", variable(flag.Name), redacted(flag), err))
			}
		}
	})
	return errors.Join(errs...)
}

func (c *config) checkBroker() error {
	before, _, _ := strings.Cut(c.Broker, ":")
	return oneOf(before+":", brokerSchemes()...)
}

// checkRoles also refuses a split service that would talk to itself.
func (c *config) checkRoles() error {
	if c.Roles == "all" {
		return nil
	}
	for _, role := range strings.Split(c.Roles, ",") {
		if !slices.Contains(roleNames, role) {
			return fmt.Errorf("want all, or any of %s", strings.Join(roleNames, ","))
		}
	}
	if c.Broker == "memory:" {
		return errors.New("roles can be split only if MILLRACE_BROKER is outside of the process")
	}
	return nil
}

func checkAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil && port == "" {
		err = errors.New("the port is missing")
	}
	if err != nil {
		return fmt.Errorf("want HOST:PORT: %w", err)
	}
	return nil
}

func checkPath(path string) error {
	if path == "" {
		return errors.New("want the path of a file")
	}
	return nil
}

// scheme returns the part of an address up to the colon, and the colon.
func scheme(address string) string {
	before, after, found := strings.Cut(address, ":")
	if !found || after == "" {
		return address
	}
	return before + ":"
}

func oneOf(value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("want %s", strings.Join(allowed, ", "))
}

func from(least, most, n int) error {
	if n < least || n > most {
		return fmt.Errorf("want %d to %d", least, most)
	}
	return nil
}

func positive(d time.Duration) error {
	if d <= 0 {
		return errors.New("want more than 0s")
	}
	return nil
}

// logger returns the log as it is configured, on standard error.
func (c *config) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked before
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// configured wraps what a command does: it reads the environment and checks the
// settings first.
func configured(c *config, run func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := fromEnvironment(cmd.Flags()); err != nil {
			return err
		}
		if err := c.check(cmd.Flags()); err != nil {
			return err
		}
		return run(cmd)
	}
}

func configCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings in force, and where each comes from",
		Args:  cobra.NoArgs,
	}
	c.serveFlags(cmd.Flags())
	c.ledgerFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		given := map[string]bool{}
		cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = true })
		return configured(&c, func(cmd *cobra.Command) error {
			return printConfig(cmd, given)
		})(cmd, nil)
	}
	return cmd
}

func printConfig(cmd *cobra.Command, given map[string]bool) error {
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 1, ' ', 0)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		origin := "default"
		switch _, set := os.LookupEnv(variable(f.Name)); {
		case given[f.Name]:
			origin = "--" + f.Name
		case set:
			origin = "environment"
		}
		fmt.Fprintf(t, "%s\t%s\t# %s; %s\n", variable(f.Name), redacted(f), origin, f.Usage)
	})
	return t.Flush()
}

// redacted is a setting's value as it is written, without the password in it.
func redacted(f *pflag.Flag) string {
	switch f.Name {
	case "store":
		return sqlstore.Shown(f.Value.String())
	case "broker":
		return broker.Shown(f.Value.String())
	case "gateway":
		return gateway.Shown(f.Value.String())
	}
	if _, list := f.Value.(pflag.SliceValue); list {
		return strings.TrimSuffix(strings.TrimPrefix(f.Value.String(), "["), "]") // around what it would be set by
	}
	return f.Value.String()
}
