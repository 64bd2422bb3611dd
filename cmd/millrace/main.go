// Command millrace is the order service: one binary that serves the API, runs
// the handlers behind it, and looks after the store.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends it at once
	err := commandLine().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "millrace:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

// commandLine returns the command line with all its subcommands.
func commandLine() *cobra.Command {
	root := &cobra.Command{
		Use:   "millrace",
		Short: "An event-sourced order service",
		Long: `Millrace takes orders over HTTP, keeps them as events, and answers questions from
views of these events. With nothing configured it is one process on a SQLite file.

Every setting is a flag of its command or an environment variable, MILLRACE_ and
the flag's name in capitals; the flag wins. "millrace config" shows what is in force.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
			f := bad.GetFlag()
			return fmt.Errorf("%s: --%s=%q is not a valid %s", variable(f.Name), f.Name, bad.GetValue(), f.Value.Type())
		}
		return err
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(serveCommand(), migrateCommand(), readyCommand(), configCommand(), deadLettersCommand(),
		processesCommand(), gatewaySimulatorCommand(), versionCommand())
	return root
}
