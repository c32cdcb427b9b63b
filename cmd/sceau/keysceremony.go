// Ceremonies of the root: begun with a plan, signed by holders who need not be there together, finished by whoever is last.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
	"sceau/signing/trust"
)

// changes names the roles whose keys a ceremony replaces; none for one that only moves the root's expiry.
func changes(c *issuer.RootCeremony) []string {
	var all []string
	for _, role := range []string{trust.RoleRoot, trust.RoleTargets, trust.RoleSnapshot, trust.RoleTimestamp} {
		before, after := slices.Sorted(slices.Values(c.Before[role])), slices.Sorted(slices.Values(c.After[role]))
		if !slices.Equal(before, after) || role == trust.RoleRoot && c.ThresholdBefore != c.ThresholdAfter {
			all = append(all, role)
		}
	}
	return all
}

// sayChanges says in a few words what a ceremony does.
func sayChanges(c *issuer.RootCeremony) string {
	roles := changes(c)
	if len(roles) > 0 && roles[0] == trust.RoleRoot && c.ThresholdBefore != c.ThresholdAfter {
		if text := signers(c); sameShares(c) {
			return strings.Join(append([]string{text}, others(roles[1:])...), ", ")
		} else {
			return "new keys of " + strings.Join(roles, ", ") + ", " + text
		}
	}
	if len(roles) > 0 {
		return "new keys of " + strings.Join(roles, ", ")
	}
	return "a later expiry"
}

// sameShares says that a ceremony leaves the shares of the root as they are.
func sameShares(c *issuer.RootCeremony) bool {
	return slices.Equal(slices.Sorted(slices.Values(c.Before[trust.RoleRoot])), slices.Sorted(slices.Values(c.After[trust.RoleRoot])))
}

// signers says how many shares sign a root, before and after.
func signers(c *issuer.RootCeremony) string {
	return fmt.Sprintf("%d of %d sign a root instead of %d of %d", c.ThresholdAfter, len(c.After[trust.RoleRoot]), c.ThresholdBefore, len(c.Before[trust.RoleRoot]))
}

func others(roles []string) []string {
	if len(roles) == 0 {
		return nil
	}
	return []string{"new keys of " + strings.Join(roles, ", ")}
}

// signHere adds the signatures of every attached place that holds a key of the ceremony. A medium that was attached for it
// and holds none is a mistake that is said; the folder is only where keys may lie.
func (o *operator) signHere(ctx context.Context, c *cobra.Command, k *issuer.RootCeremony, more []*medium) (*issuer.RootCeremony, error) {
	var all []*medium
	all = append(append(all, o.offline.media...), more...)
	if err := copies(all); err != nil {
		return nil, err
	}
	named := append(slices.Clone(k.Before[trust.RoleRoot]), k.After[trust.RoleRoot]...)
	places, err := o.offlinePlaces()
	if err != nil {
		return nil, err
	}
	for _, m := range more {
		kids, err := m.kids()
		if err != nil {
			return nil, err
		}
		places = append(places, holding{m.path, m, kids})
	}
	for i, h := range places {
		var mine []string
		for kid := range h.kids {
			if slices.Contains(named, kid) {
				mine = append(mine, kid)
			}
		}
		if len(mine) == 0 {
			if i == 0 {
				continue
			}
			return nil, noShare(h.where, len(h.kids), fmt.Sprintf("sceau keys ceremony show %s %s names the shares", shellWord(o.dir), k.ID))
		}
		if !slices.ContainsFunc(mine, func(kid string) bool { return !slices.Contains(k.Signed, kid) }) {
			if i > 0 {
				fmt.Fprintf(c.OutOrStdout(), "%s signed already\n", h.where)
			}
			continue
		}
		before := len(k.Signed)
		if k, err = o.SignRoot(ctx, k.ID, h.keys); err != nil {
			return nil, err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s signed: %s\n", h.where, plural(len(k.Signed)-before, "signature"))
		if k.MissingOld == 0 && k.MissingNew == 0 {
			break
		}
	}
	return k, nil
}

// goOn signs with what is attached, finishes when nothing is missing, else says what is.
func (o *operator) goOn(ctx context.Context, c *cobra.Command, k *issuer.RootCeremony, more []*medium, to []string) error {
	k, err := o.signHere(ctx, c, k, more)
	if err != nil {
		return err
	}
	return o.endOrWait(ctx, c, k, to)
}

// endOrWait finishes a ceremony that has its signatures, or leaves a draft to take to the other holders.
func (o *operator) endOrWait(ctx context.Context, c *cobra.Command, k *issuer.RootCeremony, to []string) error {
	if k.MissingOld > 0 || k.MissingNew > 0 {
		draft, paper, err := o.writeCeremony(k)
		if err != nil {
			return err
		}
		o.sayShares(c, k)
		out := c.OutOrStdout()
		fmt.Fprintf(out, "ceremony %s (%s) is not finished: %s\n", k.ID, sayChanges(k), missing(k))
		fmt.Fprintf(out, "attach another medium and run the same command again, or take %s to a holder: sceau keys sign %s --medium PATH, then\n  sceau keys ceremony sign %s %s --file %s\n",
			draft, shellWord(filepath.Base(draft)), shellWord(o.dir), k.ID, shellWord(filepath.Base(draft)))
		fmt.Fprintf(out, "protocol so far: %s\n", paper)
		return ui.Exit(exitPartial)
	}
	return o.finish(ctx, c, k.ID, to)
}

func missing(k *issuer.RootCeremony) string {
	was, is := k.ThresholdBefore, k.ThresholdAfter
	text := fmt.Sprintf("%d of %d signatures of the present holders", was-k.MissingOld, was)
	if !slices.Equal(slices.Sorted(slices.Values(k.Before[trust.RoleRoot])), slices.Sorted(slices.Values(k.After[trust.RoleRoot]))) || was != is {
		text += fmt.Sprintf(", %d of %d of the next", is-k.MissingNew, is)
	}
	return text
}

// finish puts the root in force and writes its protocol.
func (o *operator) finish(ctx context.Context, c *cobra.Command, id string, to []string) error {
	unlock, err := lockPublication(ctx, o.dir)
	if err != nil {
		return err
	}
	defer unlock()
	for _, dir := range to {
		if err := o.notBehind(ctx, dir); err != nil {
			return err
		}
	}
	k, err := o.FinishRoot(ctx, id)
	switch {
	case errors.Is(err, issuer.ErrNoOfflineKeys):
		return ui.WithHint(err, "attach the folder of the offline keys, or give --offline-keys")
	case errors.Is(err, issuer.ErrConcurrent):
		return ui.WithHint(err, "run the same command again")
	case err != nil:
		return err
	}
	for _, w := range k.Warnings {
		fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
	}
	_, paper, err := o.writeCeremony(k)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "root %d is in force since publication %d: %s\n", k.Number, k.Version, sayChanges(k))
	fmt.Fprintf(c.OutOrStdout(), "protocol to print and sign: %s\n", paper)
	o.sayShares(c, k)
	return o.tell(ctx, c, to)
}

// tell writes the publication where counters fetch it, or says how.
func (o *operator) tell(ctx context.Context, c *cobra.Command, to []string) error {
	if len(to) == 0 {
		fmt.Fprintf(c.OutOrStdout(), "it is not yet where counters fetch it: sceau publish %s --to …\n", shellWord(o.dir))
		return nil
	}
	if err := o.exportTo(ctx, to); err != nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout(), "written to", strings.Join(to, ", "))
	return nil
}

// writeCeremony leaves the draft and the protocol in the operator's folder.
func (o *operator) writeCeremony(k *issuer.RootCeremony) (draft, paper string, err error) {
	if draft, err = o.writePaper(k.ID+".draft", func(w io.Writer) error { _, err := w.Write(k.Draft); return err }); err != nil {
		return "", "", err
	}
	places, err := o.offlinePlaces()
	if err != nil {
		return "", "", err
	}
	online, err := kidsOf(o.online)
	if err != nil {
		return "", "", err
	}
	places = append(places, holding{o.online.dir, o.online, online})
	paper, err = o.writePaper(k.ID+".pdf", func(w io.Writer) error { return rootProtocol(w, k, places, o.Now()) })
	return draft, paper, err
}
