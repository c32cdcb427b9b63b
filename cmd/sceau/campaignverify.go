// campaign verify: what a printing house runs on the files that it got, with nothing of the operator's but what is published.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card"
	"sceau/card/issuer/batch"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/trust"
)

const campaignVerifyLong = `Checks what a campaign delivered: the signature of each manifest, the size and SHA-256 of each file, and what is missing, surplus,
doubled, renamed, swapped or cut short. What can be read again is: pages of PDFs, pictures of archives, and in CSV and NDJSON each sequence
number, card and code text, up to the control total. It needs no operator's folder; a copy of the published lists says which key
the operator signs manifests with.

    $ sceau campaign verify ./delivery --trust https://lists.example/ --root "B8CB 0D57 … 64F4"
    261122-k7qf, insurer 775670482, made 2026-11-22T10:15:00Z
      99,998 cards of 100,000 numbers, 241,300 people, 99,998 pages, 40 files of 302.1 MB
      without a card: 2 glyph (1207, 88120)
      signature valid, key 9kqfA2xVd0M
    whole: 40 files, 302.1 MB

Each --insurer must be there; without one, an insurer that is missing altogether can't be told from one that was never ordered.

The fingerprint of the root is what the operator told you by another way than the files, as it tells counters. Without --trust and
--root the files are held against the manifest, and who made the manifest stays unknown.

Exit code 0: all is whole and signed. 1: something is wrong. 3: the files are whole, but the signature could not be verified.`

type campaignVerify struct {
	trust, root, campaign string
	insurers              []string
	json                  bool
}

func newCampaignVerify(*place) *cobra.Command {
	var v campaignVerify
	c := &cobra.Command{
		Use:   "verify FOLDER|s3://BUCKET/PREFIX",
		Short: "Check delivered files against their signed manifests",
		Long:  campaignVerifyLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE:  func(c *cobra.Command, args []string) error { return v.run(c, args[0]) },
	}
	c.Flags().StringVar(&v.trust, "trust", "", "the operator's published lists: address, folder or zip")
	c.Flags().StringVar(&v.root, "root", "", "fingerprint of the operator's root, as it was told by another way")
	c.Flags().StringVar(&v.campaign, "campaign", "", "id of the campaign that was ordered")
	c.Flags().StringArrayVar(&v.insurers, "insurer", nil, "N° AMC that was ordered; may be repeated: each must be there, and others are not looked at")
	c.Flags().BoolVar(&v.json, "json", false, "one JSON object")
	return c
}

func (v *campaignVerify) run(c *cobra.Command, target string) error {
	ctx, stop := interruptible(c)
	defer stop()
	if v.root != "" && v.trust == "" {
		return ui.WithHint(ui.Usage("--root without --trust"), "--trust ADDRESS|FOLDER|ZIP names the lists whose root it is")
	}
	names := amcNames{} // as they were ordered: a manifest has the key alone
	for i, given := range v.insurers {
		amc, err := rights.ParseAMC(given)
		if err != nil {
			return ui.WithHint(ui.Usage("--insurer %.20q is no N° AMC", given), "--insurer 775670482")
		}
		v.insurers[i], names[amc.Key()] = string(amc), string(amc)
	}
	keys, why, err := v.keys(ctx)
	if err != nil {
		return err
	}
	if !depot.IsBucket(target) {
		if _, err := os.Stat(target); err != nil {
			return ui.WithHint(err, "name the folder that has %s, or one above it", manifest.FileName)
		}
	}
	d, err := depot.OpenReadOnly(ctx, target, depot.Options{})
	if err != nil {
		return deliveryTrouble(target, err)
	}
	defer depot.Close(d)
	r, err := batch.Verify(ctx, d, batch.VerifyOptions{Keys: keys, Campaign: v.campaign, Insurers: v.insurers})
	if err != nil {
		return deliveryTrouble(target, err)
	}
	if v.json {
		err = verifyJSON(c.OutOrStdout(), r, why)
	} else {
		verifyText(c.OutOrStdout(), r, target, names)
		if why != "" {
			fmt.Fprintf(c.ErrOrStderr(), "signature not verified: %s\n", why)
		}
	}
	switch {
	case err != nil:
		return err
	case len(r.Faults) > 0:
		return ui.Exit(ui.ExitFailure)
	case !r.Whole():
		return ui.Exit(exitPartial)
	}
	return nil
}

// keys are the operator's published manifest keys under the root that was named. Without them it says why there are none: then
// nothing is called valid. A root that is not the one named is an error.
func (v *campaignVerify) keys(ctx context.Context) (keys []*signing.PublicKey, why string, err error) {
	if v.trust == "" {
		return nil, "no --trust: who made the manifest is not known", nil
	}
	src, err := trust.NewSource(v.trust)
	if err != nil {
		return nil, "", fmt.Errorf("--trust %s: %w", v.trust, err)
	}
	defer trust.CloseSource(src)
	root, fingerprint, err := trust.FetchRoot(ctx, src)
	if err != nil {
		return nil, fmt.Sprintf("--trust %s: %v", v.trust, err), nil
	}
	if v.root == "" {
		return nil, fmt.Sprintf("--trust %s has the root %s: compare it with what the operator told you, and give it as --root", v.trust, fingerprint), nil
	}
	if !trust.SameFingerprint(v.root, fingerprint) {
		return nil, "", ui.WithHint(fmt.Errorf("--trust %s has another root: %s", v.trust, fingerprint), "these are another operator's lists, or the fingerprint was mistyped: ask the operator")
	}
	var doc *card.Service
	_, _, err = trust.Refresh(ctx, src, trust.RefreshOptions{Root: root, Now: clock.Now(), Want: func(_ context.Context, _ *trust.Trusted, fetch func(string) ([]byte, error)) error {
		b, err := fetch(offline.ServicePath)
		if err != nil {
			return err
		}
		doc, err = card.ParseService(b)
		return err
	}})
	if err != nil {
		return nil, fmt.Sprintf("--trust %s: %v", v.trust, err), nil
	}
	if len(doc.ManifestKeys) == 0 {
		return nil, fmt.Sprintf("--trust %s names no key for manifests", v.trust), nil
	}
	return doc.ManifestKeys, "", nil
}

func verifyJSON(out io.Writer, r *batch.Report, why string) error {
	verdict := "whole"
	switch {
	case len(r.Faults) > 0:
		verdict = "faults"
	case r.Unknown():
		verdict = "unknown"
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Schema  string `json:"schema"`
		Verdict string `json:"verdict"` // whole, faults or unknown
		Why     string `json:"why,omitempty"`
		*batch.Report
	}{"sceau-delivery-1", verdict, why, r})
}

func verifyText(out io.Writer, r *batch.Report, target string, names amcNames) {
	for _, m := range r.Manifests {
		if m.Campaign == "" {
			continue // damaged: among the faults
		}
		fmt.Fprintf(out, "%s, insurer %s, made %s\n", m.Campaign, names.of(m.Insurer), m.Made)
		if m.Rerun != "" {
			fmt.Fprintf(out, "  made again: %s\n", m.Rerun)
		}
		t := m.Totals
		fmt.Fprintf(out, "  %s of %s, %s, %s, %s of %s\n", howMany(t.Cards, "card"), howMany(t.Numbers, "number"), people(t.People), howMany(t.Pages, "page"),
			howMany(t.Files, "file"), sizeOf(t.Bytes))
		for _, w := range m.Without {
			fmt.Fprintf(out, "  without a card: %s %s (%s)\n", thousands(w.Count()), w.Cause, numbersText(w.Ranges))
		}
		if m.Signature == batch.SignatureMissing {
			fmt.Fprintf(out, "  not signed: %s is missing\n", manifest.SealName)
			continue
		}
		fmt.Fprintf(out, "  signature %s", m.Signature)
		if m.KID != "" {
			fmt.Fprintf(out, ", key %s", m.KID)
		}
		fmt.Fprintln(out)
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(out, "not looked at: %s, insurer %s\n", s.Campaign, s.Insurer)
	}
	for _, f := range r.Faults {
		if f.File == "." {
			f.File = target
		}
		fmt.Fprintf(out, "%s: %s: %s\n", f.Code, f.File, f.Text)
	}
	switch {
	case len(r.Faults) > 0:
		fmt.Fprintf(out, "do not print: %s to be explained first\n", howMany(int64(len(r.Faults)), "fault"))
	case r.Unknown():
		fmt.Fprintf(out, "the files are as the manifest says, %s, %s; who made it is unknown\n", howMany(int64(r.Files), "file"), sizeOf(r.Bytes))
	default:
		fmt.Fprintf(out, "whole: %s, %s\n", howMany(int64(r.Files), "file"), sizeOf(r.Bytes))
	}
}

// numbersText shows the first few of many ranges.
func numbersText(all []manifest.Range) string {
	var b strings.Builder
	for i, r := range all {
		if i == 8 {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, r.First)
		if r.Last > r.First {
			fmt.Fprintf(&b, "-%d", r.Last)
		}
	}
	return b.String()
}
