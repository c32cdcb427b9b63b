// A command about keys that is given again: what was done a moment ago is said rather than done twice.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
	"sceau/signing/trust"
)

// justDone is how long a rotation that is asked for again may be the same one, repeated by mistake.
const justDone = 24 * time.Hour

// published is when a ceremony put its root in force; zero when it did not.
func publishedAt(k *issuer.RootCeremony) time.Time {
	for _, s := range k.Steps {
		if s.What == "published" {
			return s.At
		}
	}
	return time.Time{}
}

// lastCeremony is the newest that came into force and that a test accepts; nil for none.
func (o *operator) lastCeremony(ctx context.Context, is func(k *issuer.RootCeremony) bool) (*issuer.RootCeremony, error) {
	all, err := o.Ceremonies(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range slices.Backward(all) {
		if k.State == issuer.CeremonyPublished && is(&k) {
			return &k, nil
		}
	}
	return nil, nil
}

// repeated asks before a ceremony of the kind that came into force a moment ago. One that names shares can't be repeated: what it
// names is not as it was.
func (r *rotation) repeated(ctx context.Context, c *cobra.Command, op *operator, what string) error {
	if len(r.newMedia) > 0 || len(r.leave) > 0 || r.why == issuer.WhyTheft {
		return nil
	}
	last, err := op.lastCeremony(ctx, func(k *issuer.RootCeremony) bool {
		roles := changes(k)
		if what == "root" {
			return len(roles) == 0 || slices.Equal(roles, []string{trust.RoleRoot}) && r.threshold > 0 && r.threshold == k.ThresholdAfter
		}
		return r.continues(k, what)
	})
	if err != nil || last == nil || op.Now().Sub(publishedAt(last)) >= justDone {
		return err
	}
	return confirm(c, r.yes, fmt.Sprintf("It was done already: ceremony %s (%s) came into force with publication %d, at %s. Another one?", last.ID, sayChanges(last), last.Version, moment(publishedAt(last))))
}

// rotated asks before a key that was put in force a moment ago is replaced. Its protocol says when that was.
func (r *rotation) rotated(ctx context.Context, c *cobra.Command, op *operator, what, insurer string) error {
	inv, err := op.Inventory(ctx, issuer.InventoryOptions{})
	if err != nil {
		return err
	}
	papers, err := os.ReadDir(filepath.Join(op.dir, ceremoniesName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, k := range inv.Keys {
		if k.Purpose != what || k.Insurer != insurer || k.State != stateInForce && k.State != "active" {
			continue
		}
		for _, p := range papers {
			if !strings.HasSuffix(p.Name(), "-"+what+"-"+k.KID+".pdf") || len(p.Name()) < len(paperDate) {
				continue
			}
			at, err := time.Parse(paperDate, p.Name()[:len(paperDate)])
			if err == nil && paperName(at, what, k.KID) == p.Name() && op.Now().Sub(at) < justDone {
				return confirm(c, r.yes, fmt.Sprintf("It was done already: %s key %s was put in place at %s. Another one?", what, k.KID, moment(at)))
			}
		}
	}
	return nil
}

// departed is the ceremony by which a share left the root; nil when none did that.
func (o *operator) departed(ctx context.Context, kid string) (*issuer.RootCeremony, error) {
	return o.lastCeremony(ctx, func(k *issuer.RootCeremony) bool {
		return slices.Contains(k.Before[trust.RoleRoot], kid) && !slices.Contains(k.After[trust.RoleRoot], kid)
	})
}

// left says, of a share that is none any more, when it left, and how another one comes to the root.
func (o *operator) left(kid string, k *issuer.RootCeremony) error {
	return ui.WithHint(ui.Usage("%s is no share of the root any more: it left with ceremony %s, at %s", kid, k.ID, moment(publishedAt(k))),
		"nothing is left to do; a share more: %s", o.addShare())
}

// addShare is the command that gives the root one share more.
func (o *operator) addShare() string {
	return "sceau keys rotate " + shellWord(o.dir) + " root --keep --new-medium PATH --medium …, with the other holders"
}

// sayShares warns of a root that a ceremony leaves without a spare share, or to each holder alone.
func (o *operator) sayShares(c *cobra.Command, k *issuer.RootCeremony) {
	n := len(k.After[trust.RoleRoot])
	switch {
	case !slices.Contains(changes(k), trust.RoleRoot):
	case k.ThresholdAfter < 2 && n > 1:
		fmt.Fprintf(c.ErrOrStderr(), "WARNING: each of the %d shares alone is everything: whoever steals one signs a root\n", n)
	case k.ThresholdAfter == n:
		fmt.Fprintf(c.ErrOrStderr(), "WARNING: %s left, and a root needs %d: when one more is lost, no root can be signed any more\n  a share more: %s\n", plural(n, "share"), k.ThresholdAfter, o.addShare())
	}
}

// interrupted says of a command that was stopped what to do next.
func interrupted(ctx context.Context, err error) error {
	if err == nil || !errors.Is(err, context.Canceled) || ctx.Err() == nil {
		return err
	}
	return ui.WithHint(errors.New("interrupted"), "what was done stays done: run the same command again, and it goes on")
}
