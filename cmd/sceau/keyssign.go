// keys sign: what a holder does with a draft on a computer without network, with no operator's folder at hand.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/signing/trust"
)

const keysSignLong = `Shows what the draft of a new root changes, asks, and adds the signature of the attached medium to the file. It needs nothing
else: no network, no operator's folder. Compare the fingerprint of the repository with the one on your protocol of the last
ceremony, and the new keys with what was agreed: your signature is a consent to all of it.

    $ sceau keys sign root-2.draft --medium /media/b/share
    repository with the fingerprint
      3F0A 91C4 …
    root 1, until 2029-11-20, becomes root 2, until 2030-02-28
    root: 2 of 3
      kept  wZQ5l0fD4-M  8f0c…
    …
    Sign this root? Type yes to go on: yes
    /media/b/share signed at 2027-03-01 09:40 UTC: 2 of 2 signatures of the present root, 2 of 2 of the next
    take root-2.draft back`

// maxDraftFile bounds what is read as a draft.
const maxDraftFile = 8 << 20

func newKeysSign(p *place) *cobra.Command {
	var yes bool
	var root string
	c := &cobra.Command{
		Use:   "sign FILE --medium PATH",
		Short: "Sign a draft on a holder's own computer, after showing what it changes",
		Long:  keysSignLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(p.media) == 0 {
				return ui.WithHint(ui.Usage("attach the medium that signs"), "--medium PATH")
			}
			if yes && root == "" {
				return ui.WithHint(ui.Usage("--yes asks nobody: say whose root may be signed"), "--root FINGERPRINT, from the protocol of the last ceremony")
			}
			media, err := attachedMedia(p.media)
			if err != nil {
				return err
			}
			draft, err := readDraft(args[0])
			if err != nil {
				return err
			}
			v, err := trust.ReviewRoot(draft)
			if err != nil {
				return ui.WithHint(fmt.Errorf("%s: %w", args[0], err), "the file was altered or cut, or is no draft: nothing was signed")
			}
			if err := sayDraft(c.OutOrStdout(), draft); err != nil {
				return err
			}
			if root != "" && !trust.SameFingerprint(root, v.Fingerprint) {
				return ui.WithHint(errors.New("this is a draft of another operator: its fingerprint is not the one of --root"), "nothing was signed")
			}
			if root == "" {
				fmt.Fprintln(c.ErrOrStderr(), "compare this fingerprint with your last protocol: --root FINGERPRINT does it for you")
			}
			signers, err := signersOf(media, v)
			if err != nil {
				return err
			}
			if err := confirm(c, yes, "Sign this root?"); err != nil {
				return err
			}
			for _, m := range media {
				for _, name := range signers[m] {
					k, err := m.Signer(name)
					if err != nil {
						return err
					}
					if draft, err = trust.SignRoot(draft, k); err != nil {
						return err
					}
				}
			}
			if err := replaceFile(args[0], true, func(w io.Writer) error { _, err := w.Write(draft); return err }); err != nil {
				return err
			}
			if v, err = trust.ReviewRoot(draft); err != nil {
				return err
			}
			was, is := v.Present.Thresholds[trust.RoleRoot], v.Next.Thresholds[trust.RoleRoot]
			fmt.Fprintf(c.OutOrStdout(), "%s signed at %s: %d of %d signatures of the present root, %d of %d of the next\ntake %s back\n", strings.Join(paths(media), ", "),
				clock.Now().UTC().Format("2006-01-02 15:04 UTC"), was-v.MissingOld, was, is-v.MissingNext, is, args[0])
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "sign without asking; with --root")
	c.Flags().StringVar(&root, "root", "", "fingerprint of the repository that this holder signs for")
	return c
}

func readDraft(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, ui.Usage("%v", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxDraftFile+1))
	if err == nil && len(b) > maxDraftFile {
		err = errors.New("it is longer than any draft")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// signersOf finds the keys of each medium that the draft names. A medium without one is refused.
func signersOf(media []*medium, v *trust.RootReview) (map[*medium][]string, error) {
	if err := copies(media); err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, k := range v.Keys {
		if k.Role != trust.RoleRoot {
			continue
		}
		kid, err := kidOf(k.Public)
		if err != nil {
			return nil, err
		}
		named[kid] = true
	}
	out := map[*medium][]string{}
	for _, m := range media {
		kids, err := m.kids()
		if err != nil {
			return nil, err
		}
		for kid, name := range kids {
			if named[kid] {
				out[m] = append(out[m], name)
			}
		}
		if len(out[m]) == 0 {
			return nil, noShare(m.path, len(kids), "attach another medium, or it is a draft of another operator: nothing was signed")
		}
		slices.Sort(out[m])
	}
	return out, nil
}
