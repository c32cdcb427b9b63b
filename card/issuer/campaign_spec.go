// What a campaign may be asked for: defaults, refusals, and the digest by which the same words are known again.

package issuer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// asked is a spec that was checked.
type asked struct {
	spec     CampaignSpec // with its defaults; Contracts sorted, each once
	insurers []string     // sorted
	owner    string
	tenant   string // who asks: an insurer's key, "" for the operator
	digest   string
}

func notCampaign(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCampaignSpec, fmt.Sprintf(format, args...))
}

// checkSpec checks a spec and resolves its insurers: those of the tenant, those named, or all.
func (s *Issuer) checkSpec(ctx context.Context, who Staff, spec CampaignSpec) (*asked, error) {
	if err := spec.complete(); err != nil {
		return nil, err
	}
	known, err := s.insurers(ctx)
	if err != nil {
		return nil, err
	}
	if who.Insurer != "" {
		known = slices.DeleteFunc(known, func(k string) bool { return k != who.Insurer })
	}
	a := &asked{spec: spec, owner: who.Insurer, tenant: who.Insurer}
	for _, key := range spec.Insurers {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("%w: %.10q", ErrUnknownInsurer, key)
		}
	}
	a.insurers = slices.Compact(slices.Sorted(slices.Values(spec.Insurers)))
	if spec.Contracts != nil {
		// A copy: the caller's order is the caller's.
		a.spec.Contracts = slices.Clone(spec.Contracts)
		slices.SortFunc(a.spec.Contracts, compareKeys)
		a.spec.Contracts = slices.Compact(a.spec.Contracts)
		if err := a.named(known); err != nil {
			return nil, err
		}
	}
	if len(a.insurers) == 0 {
		a.insurers = known
	}
	if len(a.insurers) == 0 {
		return nil, notCampaign("there is no insurer")
	}
	if len(spec.Insurers) > 0 && len(a.insurers) == 1 {
		a.owner = a.insurers[0]
	}
	a.spec.Insurers = nil // how they were named is not remembered
	b, err := json.Marshal(struct {
		Spec     CampaignSpec
		Insurers []string
	}{a.spec, a.insurers})
	if err != nil {
		return nil, fmt.Errorf("issuer: encode a campaign: %w", err)
	}
	sum := sha256.Sum256(b)
	a.digest = hex.EncodeToString(sum[:])
	return a, nil
}

func compareKeys(a, b register.ContractKey) int {
	return cmp.Or(strings.Compare(a.Insurer, b.Insurer), strings.Compare(a.Adherent, b.Adherent))
}

// named checks the contracts of a spec, which are sorted, and remembers them as a count and a digest.
func (a *asked) named(known []string) error {
	h := sha256.New()
	var insurers []string
	for _, k := range a.spec.Contracts {
		if len(insurers) == 0 || insurers[len(insurers)-1] != k.Insurer {
			insurers = append(insurers, k.Insurer)
			if !slices.Contains(known, k.Insurer) {
				return fmt.Errorf("%w: %.10q, of a contract that was named", ErrUnknownInsurer, k.Insurer)
			}
			if len(a.insurers) > 0 && !slices.Contains(a.insurers, k.Insurer) {
				return notCampaign("a contract was named of insurer %s, which the campaign is not for", k.Insurer)
			}
		}
		if rights.CheckAdherent(k.Adherent) != nil {
			return notCampaign("one of the contracts of insurer %s is no N° adhérent: 1 to 16 of A-Z 0-9 - /", k.Insurer)
		}
		io.WriteString(h, k.Insurer+" "+k.Adherent+"\n")
	}
	a.insurers = insurers
	a.spec.NamedCount, a.spec.NamedSHA256 = len(a.spec.Contracts), hex.EncodeToString(h.Sum(nil))
	return nil
}

// holds refuses more cards of one insurer than shards and files of these sizes can have: found out now, not when the manifest is due.
func (c *CampaignSpec) holds(insurer string, cards int64) error {
	switch {
	case cards > int64(c.FileSize)*maxFiles:
		return notCampaign("insurer %s has more than the %d cards of %d files: make --file larger", insurer, int64(c.FileSize)*maxFiles, maxFiles)
	case cards > int64(c.ShardSize)*maxShards:
		return notCampaign("insurer %s has more than the %d cards of %d shards: make --shard larger", insurer, int64(c.ShardSize)*maxShards, maxShards)
	}
	return nil
}

// complete sets the defaults and refuses what can't be.
func (c *CampaignSpec) complete() error {
	if checkName(c.Name) != nil {
		return notCampaign("its name has 1 to 64 plain characters")
	}
	for _, d := range []rights.Date{c.First, c.Last, c.Renewal} {
		if d != 0 && (d < rights.FirstDay || d > rights.LastDay) {
			return notCampaign("a day is between %s and %s", rights.FirstDay, rights.LastDay)
		}
	}
	switch {
	case c.Last != 0 && c.First > c.Last:
		return notCampaign("its period ends on %s, before it begins on %s", c.Last, c.First)
	case c.Renewal != 0 && (c.Renewal < c.First || c.Last != 0 && c.Renewal > c.Last):
		return notCampaign("the renewal day %s is not in the period", c.Renewal)
	case c.Contracts != nil && len(c.Contracts) == 0:
		return notCampaign("no contract was named")
	case len(c.Contracts) > MaxNamedContracts:
		return notCampaign("%d contracts were named, at most %d can be: select them by insurer, period or day of change", len(c.Contracts), MaxNamedContracts)
	case len(c.Beside) > maxBeside:
		return notCampaign("%d campaigns are named beside it, at most %d can be", len(c.Beside), maxBeside)
	case c.SignRate < 0:
		return notCampaign("a rate of %d signatures a second", c.SignRate)
	case len(c.Destination) > 1024:
		return notCampaign("the destination has %d characters, at most 1024", len(c.Destination))
	}
	if c.ShardSize == 0 {
		c.ShardSize = DefaultShard
		if c.FileSize > 0 && c.FileSize < c.ShardSize {
			c.ShardSize = c.FileSize
		}
	}
	if c.FileSize == 0 {
		c.FileSize = DefaultFile / c.ShardSize * c.ShardSize
	}
	if c.ShardSize < 1 || c.ShardSize > MaxShard {
		return notCampaign("shards of %d cards: 1 to %d", c.ShardSize, MaxShard)
	}
	if c.FileSize < c.ShardSize || c.FileSize > MaxFile || c.FileSize%c.ShardSize != 0 {
		return notCampaign("files of %d cards: a multiple of the %d of a shard, at most %d", c.FileSize, c.ShardSize, MaxFile)
	}
	c.Layout, c.Order = cmp.Or(c.Layout, LayoutLetter), cmp.Or(c.Order, OrderPostal)
	if c.Outputs == nil {
		c.Outputs = []string{OutputPDF}
	}
	c.Outputs = slices.Clone(c.Outputs)
	slices.Sort(c.Outputs)
	if len(c.Outputs) == 0 || len(slices.Compact(slices.Clone(c.Outputs))) != len(c.Outputs) {
		return notCampaign("outputs: one or more of pdf, csv, ndjson, png, each once")
	}
	for _, f := range []struct {
		what, value string
		words       []string
	}{
		{"layout", c.Layout, []string{LayoutLetter, LayoutCard, LayoutSheet2, LayoutSheet10}},
		{"order", c.Order, []string{OrderPostal, OrderAdherent}},
		{"window", c.Window, []string{"", WindowDL, WindowC5}},
	} {
		if !slices.Contains(f.words, f.value) {
			return notCampaign("%s %.20q: %s", f.what, f.value, strings.Join(slices.DeleteFunc(f.words, func(w string) bool { return w == "" }), ", "))
		}
	}
	for _, o := range c.Outputs {
		if !slices.Contains([]string{OutputPDF, OutputCSV, OutputNDJSON, OutputPNG}, o) {
			return notCampaign("output %.20q: pdf, csv, ndjson or png", o)
		}
	}
	if c.Window != "" && c.Layout != LayoutLetter {
		return notCampaign("a window is for layout letter, not for %s", c.Layout)
	}
	c.ChangedSince = c.ChangedSince.UTC().Truncate(time.Second)
	c.NamedCount, c.NamedSHA256 = 0, ""
	return nil
}
