// keys compromise: what can be done at once about a stolen key, what comes next, and the page for the first hour.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/issuer/firsthour"
	"sceau/card/pdf"
	"sceau/cmd/internal/ui"
)

const keysCompromiseLong = `Answers a theft: what the stolen key may still say is ended, a new key takes over, and the page "la première heure" is written to
DIR/ceremonies, with what people have to do. Publish at once: --to, or sceau publish.

  card KID             the key is listed: counters accept the cards that the insurer really issued with it, and no other,
                       whatever date a forged one bears; new cards are signed by a new key from now on
  status, insurer      an insurer's part of the repository gets a new key; what the old one says counts no more
  list                 the Token Status Lists of other verifiers
  accord, settlement   the rights service's
  manifest             what campaigns' manifests are signed with: printing houses will refuse those of the present key
  online               snapshot and timestamp: by a ceremony of the root
  targets              by a ceremony of the root
  root KID             one share: the others make a root without it, with a --new-medium in its place
  counter ID           a counter's credential: nothing is asked with it any more
  apikey ID            an API key

    $ sceau keys compromise ./operator card Xq3f9aLmQ2s --to ./public
    …
    Every card of Xq3f9aLmQ2s that is not on its list will be refused for good. Type yes to go on: yes
    card key Xq3f9aLmQ2s is listed: 471 genuine cards on 1 file (7.6 kB), 468 of them standing
    …

Exit code 3 when a ceremony still waits for signatures.`

// theft holds the flags of a compromise.
type theft struct {
	rotation
}

// stealable maps what can be stolen to whether it takes a name.
var stealable = map[string]bool{"card": true, "status": false, "insurer": false, "list": false, "accord": false, "settlement": false, "manifest": false,
	"online": false, "targets": false, "root": true, "counter": true, "apikey": true}

func newKeysCompromise(p *place) *cobra.Command {
	var t theft
	c := &cobra.Command{
		Use:   "compromise DIR card KID | status | insurer | list | accord | settlement | manifest | online | targets | root KID | counter ID | apikey ID",
		Short: "Answer a theft: end what the key may say, put another in its place, print what to do",
		Long:  keysCompromiseLong,
		Args:  ui.Args(cobra.RangeArgs(2, 3)),
		RunE: func(c *cobra.Command, args []string) error {
			named, known := stealable[args[1]]
			switch {
			case !known:
				return ui.WithHint(ui.Usage("%q is no kind of key", args[1]), "sceau keys compromise --help")
			case named != (len(args) == 3):
				return ui.WithHint(ui.Usage("%s: %s", args[1], map[bool]string{true: "say which", false: "it takes no name"}[named]), "%s", c.UseLine())
			case args[1] != "root" && (len(t.newMedia) > 0 || t.threshold != 0):
				return ui.Usage("--new-medium and --threshold are for a share of the root")
			case args[1] == "apikey" && len(args[2]) != 16: // perhaps a whole key: it isn't repeated
				return ui.WithHint(ui.Usage("that is no name of a key"), "sceau apikey list %s", shellWord(args[0]))
			case t.insurer != "" && !slices.Contains([]string{"status", "insurer", "list"}, args[1]):
				return ui.Usage("--insurer is for status, insurer and list")
			}
			ctx, stop := interruptible(c)
			defer stop()
			op, err := p.openContext(ctx, args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			name := ""
			if named {
				name = args[2]
			}
			return interrupted(ctx, t.answer(ctx, c, op, args[1], name))
		},
	}
	c.Flags().StringArrayVar(&t.newMedia, "new-medium", nil, "medium to put a new share of the root on, for root: PATH or PATH=PASSPHRASE_FILE; may be repeated")
	c.Flags().IntVar(&t.threshold, "threshold", 0, "how many shares sign a root from then on, for root (default: as many as now)")
	c.Flags().StringArrayVar(&t.to, "to", nil, "folder to publish into; may be repeated")
	c.Flags().StringVar(&t.insurer, "insurer", "", "N° AMC, for status, insurer and list when the operator has several insurers")
	c.Flags().BoolVar(&t.yes, "yes", false, "don't ask")
	return c
}

func (t *theft) answer(ctx context.Context, c *cobra.Command, op *operator, what, name string) error {
	switch what {
	case "counter", "apikey":
		return t.credential(ctx, c, op, what, name)
	case "root":
		return t.share(ctx, c, op, name)
	case "online", "targets":
		return t.byCeremony(ctx, c, op, what)
	}
	insurer := ""
	var err error
	if what == "status" || what == "insurer" || what == "list" {
		if insurer, err = op.insurerKey(ctx, t.insurer); err != nil {
			return err
		}
	}
	before, err := op.Inventory(ctx, issuer.InventoryOptions{})
	if err != nil {
		return err
	}
	announced := ""
	if what == "card" {
		k, err := cardKey(before, name)
		if err != nil {
			return keyHint(err, op.dir)
		}
		for _, next := range before.Keys {
			if next.Purpose == k.Purpose && next.Insurer == k.Insurer && next.State == issuer.StateNext && next.KID != name && k.State == "active" {
				announced += fmt.Sprintf(" The key %s, announced for %s, lay beside it and is withdrawn.", next.KID, moment(next.From))
			}
		}
	}
	if err := confirm(c, t.yes, consequence(what, name, insurer)+announced); err != nil {
		return err
	}
	unlock, err := lockPublication(ctx, op.dir)
	if err != nil {
		return err
	}
	defer unlock()
	for _, dir := range t.to {
		if err := op.notBehind(ctx, dir); err != nil {
			return err
		}
	}
	var done *issuer.Theft
	switch what {
	case "card":
		done, err = op.CompromiseCardKey(ctx, name)
	case "status":
		done, err = op.CompromiseStatusKey(ctx, insurer)
	case "insurer":
		done, err = op.CompromiseInsurerKey(ctx, insurer)
	case "list":
		done, err = op.CompromiseListKey(ctx, insurer)
	default:
		done, err = op.CompromiseServiceKey(ctx, what)
	}
	if err != nil {
		return keyHint(err, op.dir)
	}
	for _, w := range done.Warnings {
		fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
	}
	out := c.OutOrStdout()
	if what == "card" {
		fmt.Fprintf(out, "card key %s is listed: %s on %s (%s), %d of them standing\n", done.KID, plural(int(done.Cards), "genuine card"), plural(done.Parts, "file"), size(done.Bytes), done.Standing)
		fmt.Fprintf(out, "cards are signed by %s from now on\n", done.Next)
	} else {
		fmt.Fprintf(out, "%s key %s counts no more: %s signs from now on\n", what, or(done.KID, "before"), done.Next)
	}
	if err := op.sayWithdrawn(ctx, c, before); err != nil {
		return err
	}
	told := op.tell(ctx, c, t.to) // where it failed the page is needed all the more
	return errors.Join(told, t.page(c, op, what, firsthour.Facts{KID: done.KID, Insurer: done.Insurer}))
}

// cardKey finds a card key before anybody is asked about it.
func cardKey(inv *issuer.Inventory, kid string) (issuer.KeyFact, error) {
	for _, k := range inv.Keys {
		if k.KID != kid || k.Purpose != issuer.PurposeCard || k.State == issuer.StateUnused {
			continue
		}
		if k.State == "dead" {
			return k, fmt.Errorf("%w: %s is dead", issuer.ErrKeyState, kid)
		}
		return k, nil
	}
	return issuer.KeyFact{}, fmt.Errorf("%w: no insurer has a card key %.20q", issuer.ErrUnknownKey, kid)
}

// sayWithdrawn names the keys that were announced, and are dead since the theft: their rotation has to be done again.
func (o *operator) sayWithdrawn(ctx context.Context, c *cobra.Command, before *issuer.Inventory) error {
	after, err := o.Inventory(ctx, issuer.InventoryOptions{})
	if err != nil {
		return err
	}
	for _, was := range before.Keys {
		if was.State != issuer.StateNext || !slices.ContainsFunc(after.Keys, func(k issuer.KeyFact) bool { return k.KID == was.KID && k.State == "dead" }) {
			continue
		}
		again := "sceau keys rotate " + shellWord(o.dir) + " " + was.Purpose
		if was.Insurer != "" {
			again += " --insurer " + was.Insurer
		}
		fmt.Fprintf(c.ErrOrStderr(), "WARNING: %s key %s, announced for %s, was withdrawn: it lay beside the stolen one. Its rotation is undone; once the server is safe: %s --from %s\n",
			was.Purpose, was.KID, moment(was.From), again, was.From.UTC().Format(time.RFC3339))
	}
	return nil
}

// size is a number of bytes as people read it.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// consequence is what a person agrees to.
func consequence(what, name, insurer string) string {
	switch what {
	case "card":
		return fmt.Sprintf("Every card of %s that is not on its list will be refused for good.", name)
	case "status":
		return fmt.Sprintf("The present status key of insurer %s will count no more.", insurer)
	case "insurer":
		return fmt.Sprintf("The present keys of insurer %s's part of the repository will count no more.", insurer)
	case "list":
		return fmt.Sprintf("The present key of insurer %s's Token Status Lists will be withdrawn.", insurer)
	case "accord":
		return "Counters will refuse what the present accord key signed."
	}
	if what == "manifest" {
		return "Printing houses will refuse every manifest that the present key signed."
	}
	return "Counters will refuse what the present settlement key signed."
}

// credential ends a counter's or software's access.
func (t *theft) credential(ctx context.Context, c *cobra.Command, op *operator, what, id string) error {
	if err := confirm(c, t.yes, fmt.Sprintf("The %s %s will be refused for good.", map[string]string{"counter": "counter", "apikey": "API key"}[what], id)); err != nil {
		return err
	}
	switch what {
	case "counter":
		k, err := op.RevokeCounter(ctx, id, "stolen")
		if errors.Is(err, issuer.ErrUnknownCounter) {
			return ui.WithHint(ui.Usage("no counter %q is enrolled", id), "sceau counter list %s", shellWord(op.dir))
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "counter %s revoked\nwhat it could read, and did: sceau exposure %s --counter %s\n", k.ID, shellWord(op.dir), k.ID)
	default:
		k, err := op.RevokeKey(ctx, id)
		if errors.Is(err, issuer.ErrUnknownDocument) {
			return ui.WithHint(ui.Usage("no key has this name"), "sceau apikey list %s", shellWord(op.dir))
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "key %s withdrawn\nwhat it could read, and did: sceau exposure %s --apikey %s\n", k.ID, shellWord(op.dir), k.ID)
	}
	return t.page(c, op, what, firsthour.Facts{ID: id})
}

// byCeremony begins, or goes on with, the root that replaces stolen online or targets keys.
func (t *theft) byCeremony(ctx context.Context, c *cobra.Command, op *operator, what string) error {
	t.why = issuer.WhyTheft
	open, err := openCeremony(ctx, op)
	if err != nil {
		return err
	}
	if open == nil {
		if err := confirm(c, t.yes, fmt.Sprintf("A root is drafted that ends the present %s; it counts once its holders signed.", map[string]string{"online": "snapshot and timestamp keys", "targets": "targets key"}[what])); err != nil {
			return err
		}
		begin := op.CompromiseOnline
		if what == "targets" {
			begin = op.CompromiseTargets
		}
		done, err := begin(ctx)
		if err != nil {
			return keyHint(err, op.dir)
		}
		if open, err = op.Ceremony(ctx, done.Ceremony); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "ceremony %s begun: %s\n", open.ID, sayChanges(open))
		if err := t.page(c, op, what, firsthour.Facts{Ceremony: open.ID}); err != nil {
			return err
		}
	} else if !t.continues(open, what) {
		return ui.WithHint(fmt.Errorf("%w: %s, %s", issuer.ErrCeremonyOpen, open.ID, sayChanges(open)), "sceau keys ceremony abandon %s %s, if this theft matters more", shellWord(op.dir), open.ID)
	}
	return op.goOn(ctx, c, open, nil, t.to)
}

// share makes a root without a stolen share.
func (t *theft) share(ctx context.Context, c *cobra.Command, op *operator, name string) error {
	kid, err := op.rootShare(ctx, name)
	if err != nil {
		return err
	}
	t.leave, t.why = []string{kid}, issuer.WhyTheft
	open, err := openCeremony(ctx, op)
	if err != nil {
		return err
	}
	kids, threshold, err := op.rootKIDs(ctx)
	if err != nil {
		return err
	}
	if threshold < 2 {
		fmt.Fprintln(c.ErrOrStderr(), "WARNING: one share signs this root: the thief may have made a root already, which counters then follow.\n"+
			"  Compare what they follow with what you publish: sceau fsck "+shellWord(op.dir)+" --public FOLDER. Counters that follow another must be told by hand")
	}
	if open == nil {
		question := fmt.Sprintf("A root is drafted without the share %s; it counts once the other holders signed.", kid)
		if n, signs := t.shares(len(kids), threshold, len(t.newMedia)); n == signs {
			question += fmt.Sprintf(" %s will be left and all of them must sign: give a --new-medium, unless there is none today.", plural(n, "share"))
		}
		if err := confirm(c, t.yes, question); err != nil {
			return err
		}
		if err := t.page(c, op, "root", firsthour.Facts{KID: kid, Alone: threshold < 2}); err != nil {
			return err
		}
	}
	return t.ceremony(ctx, c, op, "root")
}

// rootShare finds a share by its kid, or by its name on an attached medium.
func (o *operator) rootShare(ctx context.Context, name string) (string, error) {
	places, err := o.offlinePlaces()
	if err != nil {
		return "", err
	}
	shares, _, err := o.rootKIDs(ctx)
	if err != nil {
		return "", err
	}
	if slices.Contains(shares, name) {
		return name, nil
	}
	found := ""
	for _, h := range places {
		for kid, n := range h.kids {
			if n == name && slices.Contains(shares, kid) {
				if found != "" && found != kid {
					return "", ui.WithHint(ui.Usage("two shares are called %s", name), "give its kid: sceau keys audit %s", shellWord(o.dir))
				}
				found = kid
			}
		}
	}
	if found == "" {
		if k, err := o.departed(ctx, name); err != nil {
			return "", err
		} else if k != nil {
			return "", o.left(name, k)
		}
		return "", ui.WithHint(ui.Usage("%q is no share of the root", name), "sceau keys audit %s lists their kids", shellWord(o.dir))
	}
	return found, nil
}

// pathPattern is a path as filepath.Glob matches it alone.
func pathPattern(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

// page writes the page of the first hour, filled in with what is known.
func (t *theft) page(c *cobra.Command, op *operator, what string, facts firsthour.Facts) error {
	facts.At, facts.Dir, facts.Banner = inParis(op.Now()), op.dir, exerciseBanner()
	if len(t.to) > 0 {
		facts.Public = t.to[0]
	}
	paper, err := firsthour.Page(what, facts)
	if err != nil {
		return err
	}
	name := "-theft-" + what
	if id := or(or(or(facts.KID, facts.ID), facts.Ceremony), facts.Insurer); id != "" {
		name += "-" + id
		if earlier, err := filepath.Glob(filepath.Join(pathPattern(op.dir), ceremoniesName, "[0-9]*"+pathPattern(name)+".pdf")); err != nil {
			return err
		} else if len(earlier) > 0 { // its hours run since then
			fmt.Fprintf(c.OutOrStdout(), "what to do in the first hour: %s\n", earlier[0])
			return nil
		}
	}
	name = op.Now().UTC().Format(paperDate) + name
	path, err := op.writePaper(name+".pdf", func(w io.Writer) error { return pdf.WritePaper(w, paper) })
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "what to do in the first hour: %s\n", path)
	return nil
}
