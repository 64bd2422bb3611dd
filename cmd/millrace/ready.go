package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func readyCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Ask a running service whether it is ready",
		Long: `Ready asks the service behind the admin address, and ends with exit code 0 if that
is ready and 1 if it is not. It is the health check of a container without a shell.`,
		Args: cobra.NoArgs,
	}
	c.adminFlags(cmd.Flags())
	cmd.RunE = configured(&c, func(cmd *cobra.Command) error {
		if err := askReady(cmd.Context(), c.AdminAddr); err != nil {
			return fmt.Errorf("ask %s: %w", c.AdminAddr, err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), "ready")
		return nil
	})
	return cmd
}

// askReady returns nil if the service behind an admin address says that it is
// ready. An address without a host, or with that of all interfaces, is this host.
func askReady(ctx context.Context, addr string) error {
	// More than the service takes to find out, and less than a health check waits.
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return err
	}
	// A transport of its own, because a proxy of the environment would answer for itself.
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // everything of interest was read
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status + ": " + strings.TrimSpace(string(text)))
	}
	return nil
}
