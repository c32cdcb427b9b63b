// Campaigns that are asked for by the service's interface: where their files go, what they are printed with, and who works them
// off where no worker runs beside.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sceau/card/issuer/depot"
	"sceau/card/issuer/httpapi"
	"sceau/cmd/internal/ui"
)

// byDatabase is the setting campaign_workers that leaves the number to where the register is.
const byDatabase = -1

// campaignWorkers is how many shards the service itself works off at a time.
func (c *Config) campaignWorkers() int {
	switch {
	case c.CampaignWorkers != byDatabase:
		return c.CampaignWorkers
	case c.Database == "":
		return 1 // of the processors, so that counters are still answered
	}
	return 0
}

// campaigns is what the interface needs for them.
func (s *service) campaigns(ctx context.Context) (httpapi.Campaigns, error) {
	to := s.config.CampaignOutput
	if to != "" {
		if !depot.IsBucket(to) {
			if !filepath.IsAbs(to) {
				to = filepath.Join(s.op.dir, to)
			}
			if err := os.MkdirAll(to, 0o700); err != nil {
				return httpapi.Campaigns{}, ui.WithHint(fmt.Errorf("campaign_output: %w", err), "name a folder that the service may make or write to, or s3://…, in %s", configName)
			}
		}
		err := depot.Probe(ctx, to, depot.Options{Mode: 0o600})
		if err != nil && (ctx.Err() != nil || !passes(err)) {
			return httpapi.Campaigns{}, deliveryTrouble(to, fmt.Errorf("campaign_output: %w", err))
		}
		if err != nil {
			s.log.Warn("campaign_output can't take files now: files of campaigns wait until it can", "error", err.Error())
		}
	}
	return httpapi.Campaigns{Destination: to, Freeze: s.op.freezeThemes(""),
		Started: func(ctx context.Context, id string) error { return dispatchCampaign(ctx, s.op, id) },
		Stopped: func(ctx context.Context, id string, running bool) error {
			return withdrawCampaign(ctx, s.op, id, running)
		}}, nil
}

// passes says that a place for files may work later as it is set: a server that is away, a disk that is full. Counters are answered
// meanwhile. The others are of the setting, the keys or the rights.
func passes(err error) bool {
	for _, e := range []error{depot.ErrTarget, depot.ErrCredentials, depot.ErrBucket, fs.ErrPermission, fs.ErrNotExist} {
		if errors.Is(err, e) {
			return false
		}
	}
	return true
}

// work works campaigns off until ctx ends; done lets it return, as no part of the service ends by itself.
func (s *service) work(ctx, done context.Context) error {
	n := s.config.campaignWorkers()
	if n == 0 {
		<-done.Done()
		return nil
	}
	w := newWork(s.op, workerFlags{workers: n}, s.config.Database, s.log)
	if err := w.run(ctx, done.Done()); err != nil {
		return err
	}
	<-done.Done()
	return nil
}
