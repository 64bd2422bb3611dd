package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/millrace/millrace/internal/crash"
)

// prefix is what the environment variables of all settings begin with.
const prefix = "MILLRACE_"

// variable is the environment variable for a flag.
func variable(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment fills in what the command line leaves open.
func fromEnvironment(f *pflag.FlagSet) error {
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		value, set := os.LookupEnv(variable(flag.Name))
		if !set || flag.Changed || flag.Name == "help" {
			return
		}
		if err := f.Set(flag.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q is not a valid %s", variable(flag.Name), value, flag.Value.Type()))
		}
	})
	return errors.Join(errs...)
}

// warnOfUnknown says which variables look like settings and are none: one that is
// misspelt leaves its setting at the default, which may mean another store.
func warnOfUnknown(log *slog.Logger) {
	if names := unknown(os.Environ()); len(names) > 0 {
		log.Warn("ignored variables that are no settings; millrace config shows those that are", "names", names)
	}
}

// unknown returns the names in an environment that begin as settings do and are none.
func unknown(environment []string) []string {
	var c config
	settings := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.serveFlags(settings)
	c.ledgerFlags(settings)
	known := map[string]bool{}
	settings.VisitAll(func(f *pflag.Flag) { known[variable(f.Name)] = true })
	var names []string
	for _, entry := range environment {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, prefix) && !known[name] && !crash.Reads(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
