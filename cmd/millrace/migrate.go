package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/adapters/sqlstore"
)

func migrateCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the store's schema up to date",
		Long:  "Migrate brings the store's schema up to date, and creates it if there is none.\n\"millrace serve\" does the same when it starts.",
		Args:  cobra.NoArgs,
	}
	c.storeFlags(cmd.Flags())
	cmd.RunE = configured(&c, func(cmd *cobra.Command) error {
		store, version, err := openStore(cmd.Context(), c)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s is at schema version %d\n", sqlstore.Shown(c.Store), version)
		return store.Close()
	})
	return cmd
}

// openStore opens the store and brings its schema up to date.
func openStore(ctx context.Context, c config) (*sqlstore.Store, int64, error) {
	store, err := sqlstore.Open(ctx, c.Store)
	if err != nil {
		return nil, 0, fmt.Errorf("MILLRACE_STORE: %w", err)
	}
	version, err := store.Migrate(ctx)
	if err != nil {
		_ = store.Close() // the first error says more
		return nil, 0, fmt.Errorf("MILLRACE_STORE: %w", err)
	}
	return store, version, nil
}

// existingStore opens the store for a command that looks after what is in it. Where
// there is none, it makes none.
func existingStore(ctx context.Context, c config) (*sqlstore.Store, error) {
	store, err := sqlstore.OpenExisting(ctx, c.Store)
	switch {
	case errors.Is(err, sqlstore.ErrNoStore):
		return nil, fmt.Errorf("there is no store at %s; set MILLRACE_STORE or --store", sqlstore.Shown(c.Store))
	case errors.Is(err, sqlstore.ErrOldSchema):
		return nil, fmt.Errorf("%w; run millrace migrate", err)
	case err != nil:
		return nil, fmt.Errorf("MILLRACE_STORE: %w", err)
	}
	return store, nil
}

// awaitStore opens the store and brings its schema up to date, as soon as its
// server is there.
func awaitStore(ctx context.Context, c config, log *slog.Logger) (*sqlstore.Store, error) {
	for told := false; ; told = true {
		store, _, err := openStore(ctx, c)
		if err == nil || !sqlstore.Away(err) {
			return store, err
		}
		if !told {
			log.Warn("waiting for the store", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Second):
		}
	}
}
