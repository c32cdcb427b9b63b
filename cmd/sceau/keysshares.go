// The shares of the root: which there are, which are attached, and what a plan would leave of them.

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/ui"
	"sceau/signing/trust"
)

// rootKIDs are the shares of the root in force, and how many of them sign the next.
func (o *operator) rootKIDs(ctx context.Context) (kids []string, threshold int, err error) {
	err = o.Published(ctx, func(t *trust.Trusted) error {
		holders, n, err := t.Authority(trust.RoleRoot)
		threshold = n
		for _, k := range holders {
			kid, e := kidOf(k)
			kids, err = append(kids, kid), errors.Join(err, e)
		}
		return err
	})
	return kids, threshold, err
}

// presentMedia refuses, before a ceremony begins, media that could sign nothing of it.
func (o *operator) presentMedia(ctx context.Context) error {
	present, _, err := o.rootKIDs(ctx)
	if err != nil {
		return err
	}
	if err := copies(o.offline.media); err != nil {
		return err
	}
	for _, m := range o.offline.media {
		kids, err := m.kids()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(present, func(kid string) bool { return kids[kid] != "" }) {
			return noShare(m.path, len(kids), "sceau keys audit "+shellWord(o.dir)+" names the shares")
		}
	}
	return nil
}

func noShare(where string, keys int, hint string) error {
	holds := "it holds no key"
	if keys > 0 {
		holds = fmt.Sprintf("it holds %s of another use", plural(keys, "key"))
	}
	return ui.WithHint(fmt.Errorf("%s holds no share of this root: %s", where, holds), "%s", hint)
}

// shares are how many there will be, of those there are, and how many of them sign.
func (r *rotation) shares(present, threshold, fresh int) (n, signs int) {
	stay := present - len(r.leave)
	if len(r.leave) == 0 && fresh > 0 && !r.keep {
		stay = 0
	}
	if r.threshold > 0 {
		threshold = r.threshold
	}
	return stay + fresh, threshold
}

// alone asks before each of several shares can sign a root alone.
func (r *rotation) alone(ctx context.Context, c *cobra.Command, op *operator, what string, fresh int) error {
	if what != "root" {
		return nil
	}
	kids, threshold, err := op.rootKIDs(ctx)
	if err != nil {
		return err
	}
	if n, signs := r.shares(len(kids), threshold, fresh); signs == 1 && n > 1 {
		return confirm(c, r.yes, fmt.Sprintf("Each of %d shares alone will be everything: whoever steals one medium and its passphrase signs a root, and owns the repository.", n))
	}
	return nil
}

// leftAlready says that what is asked for was done: every share that --leave names left the root before.
func (r *rotation) leftAlready(ctx context.Context, c *cobra.Command, op *operator, fresh []*medium) (done bool, err error) {
	kids, _, err := op.rootKIDs(ctx)
	if err != nil {
		return false, err
	}
	isShare := func(kid string) bool { return slices.Contains(kids, kid) }
	var gone []string
	for _, kid := range r.leave {
		if isShare(kid) {
			continue
		}
		k, err := op.departed(ctx, kid)
		if err != nil {
			return false, err
		}
		if k == nil {
			continue // no share ever: possible says so
		}
		if slices.ContainsFunc(r.leave, isShare) {
			return false, op.left(kid, k) // another one is to go now
		}
		for _, m := range fresh {
			held, err := m.kids()
			if err != nil {
				return false, err
			}
			if !slices.ContainsFunc(kids, func(kid string) bool { return held[kid] != "" }) {
				return false, op.left(kid, k) // this medium is to come now
			}
		}
		gone = append(gone, fmt.Sprintf("%s left the root with ceremony %s, at %s", kid, k.ID, moment(publishedAt(k))))
	}
	if len(gone) == 0 || len(gone) < len(r.leave) {
		return false, nil
	}
	fmt.Fprintln(c.OutOrStdout(), "nothing to do:", strings.Join(gone, "; "))
	return true, op.tell(ctx, c, r.to)
}

// possible refuses, before anything is made, a root that could never be signed.
func (r *rotation) possible(ctx context.Context, op *operator, fresh int) error {
	kids, threshold, err := op.rootKIDs(ctx)
	if err != nil {
		return err
	}
	for _, kid := range r.leave {
		if !slices.Contains(kids, kid) {
			return ui.WithHint(ui.Usage("--leave %q is no share of the root", kid), "the shares are %s", strings.Join(kids, ", "))
		}
	}
	n, threshold := r.shares(len(kids), threshold, fresh)
	if threshold < 1 || n < threshold {
		return ui.WithHint(ui.Usage("%d shares can't give the %d signatures of a root", n, threshold), "give more --new-medium, or a lower --threshold")
	}
	return nil
}
