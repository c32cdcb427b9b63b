// keys ceremony: list, show, sign, finish and give up ceremonies, for holders who are not there together.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
	"sceau/signing/trust"
)

func newKeysCeremony(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "ceremony",
		Short: "List, show, sign, finish or give up ceremonies of the root",
		Long: `A ceremony makes the next root. "sceau keys rotate DIR root|targets|online" begins one and goes on with it; these commands are for
holders who are not there together: the draft travels to them as a file, and comes back signed.

    $ sceau keys ceremony show ./operator ID --out draft
    $ sceau keys sign draft --medium /media/b/share          # on the holder's own computer
    $ sceau keys ceremony sign ./operator ID --file draft
    $ sceau keys ceremony finish ./operator ID --to ./public`,
		Args: ui.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCeremonyList(p), newCeremonyShow(p), newCeremonySign(p), newCeremonyFinish(p), newCeremonyAbandon(p))
	return c
}

// ceremony opens an operator and one of its ceremonies.
func (p *place) ceremony(ctx context.Context, dir, id string) (*operator, *issuer.RootCeremony, error) {
	op, err := p.openContext(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	k, err := op.Ceremony(ctx, id)
	if errors.Is(err, issuer.ErrUnknownCeremony) {
		err = ui.WithHint(ui.Usage("no ceremony has the id %q", id), "sceau keys ceremony list %s", shellWord(dir))
	}
	if err != nil {
		return nil, nil, errors.Join(err, op.Close())
	}
	return op, k, nil
}

func newCeremonyList(p *place) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list DIR",
		Short: "List ceremonies, the newest last",
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			all, err := op.Ceremonies(c.Context())
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			if !asJSON {
				fmt.Fprintln(table, "CEREMONY\tBEGUN\tROOT\tWHAT\tSTATE")
			}
			for _, k := range all {
				if asJSON {
					if err := json.NewEncoder(c.OutOrStdout()).Encode(ceremonyDocument(&k)); err != nil {
						return err
					}
					continue
				}
				state := k.State
				if k.State == issuer.CeremonyOpen {
					state += ", " + missing(&k)
				}
				fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", k.ID, k.Created.UTC().Format("2006-01-02 15:04 UTC"), k.Number, sayChanges(&k), state)
			}
			return table.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each ceremony")
	return c
}

// ceremonyJSON is a ceremony for software.
type ceremonyJSON struct {
	Schema     string                `json:"schema"`
	ID         string                `json:"id"`
	Why        string                `json:"why"`
	State      string                `json:"state"`
	Created    time.Time             `json:"created"`
	Root       int64                 `json:"root"`
	Changes    []string              `json:"changes"`
	Before     map[string][]string   `json:"before"`
	After      map[string][]string   `json:"after"`
	Thresholds [2]int                `json:"thresholds"`
	Signed     []string              `json:"signed"`
	Missing    [2]int                `json:"missing"`
	Steps      []issuer.CeremonyStep `json:"steps"`
	Version    int64                 `json:"publication,omitempty"`
}

func ceremonyDocument(k *issuer.RootCeremony) ceremonyJSON {
	return ceremonyJSON{"sceau-ceremony-1", k.ID, k.Why, k.State, k.Created.UTC(), k.Number, append([]string{}, changes(k)...), k.Before, k.After,
		[2]int{k.ThresholdBefore, k.ThresholdAfter}, append([]string{}, k.Signed...), [2]int{k.MissingOld, k.MissingNew}, append([]issuer.CeremonyStep{}, k.Steps...), k.Version}
}

func newCeremonyShow(p *place) *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "show DIR ID",
		Short: "Say what a ceremony changes and who signed, and write its draft to take along",
		Args:  ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			op, k, err := p.ceremony(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			defer op.Close()
			if asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(ceremonyDocument(k))
			} else {
				err = sayCeremony(c.OutOrStdout(), k)
			}
			if err != nil || file == "" {
				return err
			}
			if err := replaceFile(file, true, func(w io.Writer) error { _, err := w.Write(k.Draft); return err }); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "draft written to %s: it holds no secret\n", file)
			return nil
		},
	}
	c.Flags().StringVar(&file, "out", "", "also write the draft into this file, for a holder elsewhere")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

func sayCeremony(w io.Writer, k *issuer.RootCeremony) error {
	fmt.Fprintf(w, "ceremony %s, begun on %s: %s (%s)\n", k.ID, k.Created.UTC().Format("2006-01-02 15:04 UTC"), sayChanges(k), k.Why)
	if err := sayDraft(w, k.Draft); err != nil {
		return err
	}
	for _, s := range k.Steps {
		what := s.What
		if s.KID != "" {
			what += " with " + s.KID
		}
		fmt.Fprintf(w, "%s  %s, by %s\n", s.At.UTC().Format("2006-01-02 15:04:05 UTC"), what, s.Who)
	}
	switch k.State {
	case issuer.CeremonyOpen:
		_, err := fmt.Fprintln(w, "open:", missing(k))
		return err
	case issuer.CeremonyPublished:
		_, err := fmt.Fprintf(w, "published: in force since publication %d\n", k.Version)
		return err
	}
	_, err := fmt.Fprintln(w, k.State)
	return err
}

// sayDraft says all that a draft changes and keeps, as it stands in the draft itself.
func sayDraft(w io.Writer, draft []byte) error {
	v, err := trust.ReviewRoot(draft)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "repository with the fingerprint\n  %s\n", v.Fingerprint)
	fmt.Fprintf(w, "root %d, until %s, becomes root %d, until %s\n", v.Present.Version, day(v.Present.Expires), v.Next.Version, day(v.Next.Expires))
	for _, role := range []string{trust.RoleRoot, trust.RoleTargets, trust.RoleSnapshot, trust.RoleTimestamp} {
		was, is := v.Present.Thresholds[role], v.Next.Thresholds[role]
		if was == is && len(v.Present.Keys[role]) == len(v.Next.Keys[role]) {
			fmt.Fprintf(w, "%s: %d of %d\n", role, is, len(v.Next.Keys[role]))
		} else {
			fmt.Fprintf(w, "%s: %d of %d becomes %d of %d\n", role, was, len(v.Present.Keys[role]), is, len(v.Next.Keys[role]))
		}
		for _, k := range v.Keys {
			if k.Role != role {
				continue
			}
			kid, err := kidOf(k.Public)
			if err != nil {
				return err
			}
			signed := ""
			if k.Signed {
				signed = "  signed"
			}
			fmt.Fprintf(w, "  %-4s  %s  %s%s\n", map[string]string{trust.KeyNew: "NEW", trust.KeyGone: "GONE", trust.KeyKept: "kept"}[k.Change], kid, k.ID, signed)
		}
	}
	return nil
}

func newCeremonySign(p *place) *cobra.Command {
	var file string
	var to []string
	c := &cobra.Command{
		Use:   "sign DIR ID (--medium PATH | --file DRAFT)",
		Short: "Add signatures: of attached media, or from a draft that came back",
		Args:  ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			if (file == "") == (len(p.media) == 0) {
				return ui.WithHint(ui.Usage("say what signs"), "--medium PATH, or --file with a draft that came back signed")
			}
			ctx, stop := interruptible(c)
			defer stop()
			op, k, err := p.ceremony(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			defer op.Close()
			if file == "" {
				return interrupted(ctx, overHint(op.goOn(ctx, c, k, nil, to), k, args[0]))
			}
			signed, err := readDraft(file)
			if err != nil {
				return err
			}
			before := len(k.Signed)
			next, err := op.AddRootSignatures(ctx, k.ID, signed)
			if errors.Is(err, issuer.ErrDraft) {
				return ui.WithHint(err, "%s was altered, or belongs to another ceremony or operator: sceau keys ceremony show %s %s --out FILE writes the right one", file, shellWord(args[0]), k.ID)
			}
			if err != nil {
				return overHint(err, k, args[0])
			}
			if n := len(next.Signed) - before; n > 0 {
				fmt.Fprintf(c.OutOrStdout(), "%s taken from %s\n", plural(n, "signature"), file)
			} else {
				fmt.Fprintf(c.OutOrStdout(), "no new signature in %s\n", file)
			}
			return interrupted(ctx, op.endOrWait(ctx, c, next, to))
		},
	}
	c.Flags().StringVar(&file, "file", "", "draft that a holder signed elsewhere")
	c.Flags().StringArrayVar(&to, "to", nil, "when it can be finished: folder to publish into; may be repeated")
	return c
}

func overHint(err error, k *issuer.RootCeremony, dir string) error {
	if errors.Is(err, issuer.ErrCeremonyOver) && k.State == issuer.CeremonyPublished {
		return ui.WithHint(err, "it is published in the register, as publication %d; nothing was written elsewhere by this command: sceau publish %s --to …", k.Version, shellWord(dir))
	}
	if errors.Is(err, issuer.ErrCeremonyOver) {
		return ui.WithHint(err, "it is %s: sceau keys ceremony list %s", k.State, dir)
	}
	return err
}

func newCeremonyFinish(p *place) *cobra.Command {
	var to []string
	c := &cobra.Command{
		Use:   "finish DIR ID",
		Short: "Put the new root in force, once it has its signatures",
		Args:  ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := interruptible(c)
			defer stop()
			op, k, err := p.ceremony(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			defer op.Close()
			if k.State == issuer.CeremonyOpen && (k.MissingOld > 0 || k.MissingNew > 0) {
				return ui.WithHint(fmt.Errorf("%w: %s", issuer.ErrUnsigned, missing(k)), "sceau keys ceremony sign %s %s --medium PATH", shellWord(args[0]), k.ID)
			}
			return interrupted(ctx, overHint(op.finish(ctx, c, k.ID, to), k, args[0]))
		},
	}
	c.Flags().StringArrayVar(&to, "to", nil, "folder to publish into; may be repeated")
	return c
}

func newCeremonyAbandon(p *place) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "abandon DIR ID",
		Short: "Give a ceremony up: what was signed for it counts no more",
		Args:  ui.Args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, args []string) error {
			op, k, err := p.ceremony(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			defer op.Close()
			if err := confirm(c, yes, fmt.Sprintf("Give up %s (%s)?", k.ID, sayChanges(k))); err != nil {
				return err
			}
			gone, err := op.AbandonRoot(c.Context(), k.ID)
			if err != nil {
				return overHint(err, k, args[0])
			}
			if _, _, err := op.writeCeremony(gone); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "ceremony %s given up: nothing changed\n", k.ID)
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return c
}
