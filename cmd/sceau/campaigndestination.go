// Where the files of a campaign go, and what to say when they can't go there.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/cmd/internal/ui"
)

// campaignFolder is where the files of a campaign are: a place that campaign verify takes as it is.
func campaignFolder(k *issuer.Campaign) string {
	return depot.Below(k.Spec.Destination, k.ID)
}

// probeDestination asks whether files can go where --to says. It is asked before planning: a plan keeps its destination for good, and
// what only start found would have cost a planning of hours and a campaign to cancel. Without a --to that works nothing is planned.
func probeDestination(ctx context.Context, to string) error {
	if err := depot.Probe(ctx, to, depot.Options{Mode: 0o600}); err != nil {
		return deliveryTrouble(to, fmt.Errorf("--to %s: %w", to, err))
	}
	return nil
}

// deliveryTrouble says what to do about a place of files.
func deliveryTrouble(target string, err error) error {
	switch {
	case errors.Is(err, depot.ErrTarget):
		return ui.WithHint(err, "name a folder, or s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION")
	case errors.Is(err, depot.ErrCredentials):
		return ui.WithHint(err, "set %s and %s, or %s_FILE and %s_FILE to files with them; the key must be allowed to read, list and write there", depot.EnvAccessKey, depot.EnvSecretKey, depot.EnvAccessKey, depot.EnvSecretKey)
	case errors.Is(err, depot.ErrBucket):
		return ui.WithHint(err, "make the bucket first, or name another: s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return ui.WithHint(err, "%s must be a folder that can be read and written here, or be made in one that is there", target)
	}
	return err
}
