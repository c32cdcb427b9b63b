// keys rotate: a new key in place of an old one, told to counters before it signs, and the next root.

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
	"sceau/cmd/internal/ui"
	"sceau/signing/keystore"
	"sceau/signing/trust"
)

const keysRotateLong = `Replaces keys. What is signed with the old one stays good.

  card, list           an insurer's: the new key is published now and signs from --from on (default: in 7 days), so that counters
                       know it before they meet its first card
  status, insurer      an insurer's part of the repository, at once
  accord, settlement, manifest
                       the rights service's, published now, signing from --from on
  online               snapshot and timestamp: by a ceremony of the root
  targets              by a ceremony of the root
  root                 its shares, by a ceremony; without --new-medium only its expiry moves

    $ sceau keys rotate ./operator card --insurer 775670482 --to ./public
    $ sceau keys rotate ./operator root --new-medium /media/d/share=d.txt --new-medium /media/e/share=e.txt --new-medium /media/f/share=f.txt \
        --medium /media/a/share --medium /media/b/share --to ./public

A ceremony needs as many of the present holders as sign a root, and as many of the next. It waits for them: the same command
goes on with it, with whichever media are attached, and says what is still missing (exit code 3). Its protocol is written to
DIR/ceremonies, to be printed and signed. With --leave, only the shares named go (a lost one), and each --new-medium is one more;
with --keep none goes. A rotation that was finished less than a day ago is asked about before it is done again.

Where the offline folder is lost, "targets --why loss --offline-keys NEW" makes it anew in NEW, under the passphrase of the
server's keys.`

// rotation holds the flags of a rotate.
type rotation struct {
	insurer, from, why string
	leave              []string
	keep, yes          bool
	threshold          int
	newMedia, to       []string
}

func newKeysRotate(p *place) *cobra.Command {
	var r rotation
	c := &cobra.Command{
		Use:       "rotate DIR card|list|status|insurer|accord|settlement|manifest|online|targets|root",
		Short:     "Replace keys: yearly card keys, lists', insurers', the service's, and the root",
		Long:      keysRotateLong,
		Args:      ui.Args(cobra.ExactArgs(2)),
		ValidArgs: rotatable,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(rotatable, args[1]) {
				return ui.WithHint(ui.Usage("%q can't be rotated", args[1]), "%s", strings.Join(rotatable, " | "))
			}
			if err := r.check(args[1]); err != nil {
				return err
			}
			ctx, stop := interruptible(c)
			defer stop()
			op, err := p.openContext(ctx, args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			if slices.Contains(byCeremony, args[1]) {
				return interrupted(ctx, r.ceremony(ctx, c, op, args[1]))
			}
			return interrupted(ctx, r.key(ctx, c, op, args[1]))
		},
	}
	c.Flags().StringArrayVar(&r.newMedia, "new-medium", nil, "medium to put a new share of the root on: PATH or PATH=PASSPHRASE_FILE; may be repeated")
	c.Flags().StringArrayVar(&r.leave, "leave", nil, "kid of a share that goes, when the others stay; may be repeated")
	c.Flags().BoolVar(&r.keep, "keep", false, "all present shares stay, and each --new-medium is one more")
	c.Flags().IntVar(&r.threshold, "threshold", 0, "how many shares sign a root from then on (default: as many as now)")
	c.Flags().StringArrayVar(&r.to, "to", nil, "folder to publish into; may be repeated")
	c.Flags().BoolVar(&r.yes, "yes", false, "don't ask, where one share alone would sign, or the same was done less than a day ago")
	c.Flags().StringVar(&r.insurer, "insurer", "", "N° AMC, when the operator has several insurers")
	c.Flags().StringVar(&r.from, "from", "", "first day, or moment, that a new card, list, accord, settlement or manifest key signs")
	c.Flags().StringVar(&r.why, "why", "", "rotation, renewal or loss, for the protocol of a ceremony")
	return c
}

var (
	byCeremony = []string{"online", "targets", "root"}
	rotatable  = []string{"card", "list", "status", "insurer", "accord", "settlement", "manifest", "online", "targets", "root"}
)

// check refuses flags that would silently do nothing.
func (r *rotation) check(what string) error {
	switch {
	case what != "root" && (len(r.newMedia) > 0 || len(r.leave) > 0 || r.keep || r.threshold != 0):
		return ui.Usage("--new-medium, --leave, --keep and --threshold are for the root")
	case r.keep && (len(r.leave) > 0 || len(r.newMedia) == 0):
		return ui.WithHint(ui.Usage("--keep is for shares that come when none goes"), "--keep --new-medium PATH, without --leave")
	case r.from != "" && !slices.Contains([]string{"card", "list", "accord", "settlement", "manifest"}, what):
		return ui.Usage("--from is for card, list, accord, settlement and manifest keys: %s is replaced at once", what)
	case r.insurer != "" && !slices.Contains([]string{"card", "list", "status", "insurer"}, what):
		return ui.Usage("--insurer is for an insurer's keys")
	case r.why != "" && (!slices.Contains(byCeremony, what) || !slices.Contains([]string{"rotation", "renewal", "loss"}, r.why)):
		return ui.Usage("--why is rotation, renewal or loss, for root, targets and online")
	}
	return nil
}

// key replaces a key that needs no ceremony.
func (r *rotation) key(ctx context.Context, c *cobra.Command, op *operator, what string) error {
	from, err := parseFrom(r.from)
	if err != nil {
		return err
	}
	insurer := ""
	if !slices.Contains([]string{"accord", "settlement", "manifest"}, what) {
		if insurer, err = op.insurerKey(ctx, r.insurer); err != nil {
			return err
		}
	}
	if err := r.rotated(ctx, c, op, what, insurer); err != nil {
		return err
	}
	unlock, err := lockPublication(ctx, op.dir)
	if err != nil {
		return err
	}
	defer unlock()
	for _, dir := range r.to {
		if err := op.notBehind(ctx, dir); err != nil {
			return err
		}
	}
	var k *issuer.KeyChange
	switch what {
	case "card":
		k, err = op.RotateCardKey(ctx, insurer, from)
	case "list":
		k, err = op.RotateListKey(ctx, insurer, from)
	case "status":
		k, err = op.RotateStatusKey(ctx, insurer)
	case "insurer":
		k, err = op.RotateInsurerKey(ctx, insurer)
	default:
		k, err = op.RotateServiceKey(ctx, what, from)
	}
	if err != nil {
		return keyHint(err, op.dir)
	}
	for _, w := range k.Warnings {
		fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
	}
	out := c.OutOrStdout()
	if k.Version == 0 {
		fmt.Fprintf(out, "nothing to do: %s key %s was published already and signs from %s\n", what, k.New, moment(k.From))
		return op.tell(ctx, c, r.to)
	}
	fmt.Fprintf(out, "%s key %s published, %s\n", what, k.New, startsAt(k, op.Now()))
	switch {
	case k.Old == "":
	case k.From.After(op.Now()):
		fmt.Fprintf(out, "the key before, %s, signs until then; what it signed stays good\n", k.Old)
	case what == "status" || what == "insurer":
		fmt.Fprintf(out, "the key before, %s, is replaced; what it had signed was signed anew\n", k.Old)
	default:
		fmt.Fprintf(out, "the key before, %s, signs no more; what it signed stays good\n", k.Old)
	}
	paper, err := op.writePaper(paperName(op.Now(), what, k.New), func(w io.Writer) error { return rotationProtocol(w, k, op.Actor, op.Now()) })
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "protocol to print and sign: %s\nback up now: sceau backup %s --to FILE\n", paper, shellWord(op.dir))
	return op.tell(ctx, c, r.to)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func startsAt(k *issuer.KeyChange, now time.Time) string {
	if k.From.After(now) {
		return "signs from " + moment(k.From)
	}
	return "signs from now on"
}

// paperDate is how the names of papers begin.
const paperDate = "20060102-150405"

// paperName is the name of a protocol: it sorts by date and says what it is about.
func paperName(now time.Time, what, kid string) string {
	return now.UTC().Format(paperDate) + "-" + what + "-" + kid + ".pdf"
}

func keyHint(err error, dir string) error {
	switch {
	case errors.Is(err, issuer.ErrNoOfflineKeys):
		return ui.WithHint(err, "attach the folder of the offline keys, or give --offline-keys")
	case errors.Is(err, issuer.ErrConcurrent):
		return ui.WithHint(err, "run the same command again")
	case errors.Is(err, issuer.ErrUnknownKey), errors.Is(err, issuer.ErrKeyState), errors.Is(err, issuer.ErrRotating):
		return ui.WithHint(err, "sceau keys audit %s lists the keys", shellWord(dir))
	case errors.Is(err, issuer.ErrRotationDate):
		return ui.WithHint(err, "--from is a day, or a moment such as 2027-03-01T08:00:00Z, that is not over")
	case errors.Is(err, issuer.ErrTooManyKeys):
		return ui.WithHint(err, "sceau keys audit %s says which keys are still published", shellWord(dir))
	}
	return err
}

// ceremony begins a ceremony or goes on with the one that is open.
func (r *rotation) ceremony(ctx context.Context, c *cobra.Command, op *operator, what string) error {
	fresh, err := openMedia("--new-medium", r.newMedia)
	if err != nil {
		return err
	}
	if _, err := openMedia("--medium and --new-medium", append(slices.Clone(r.newMedia), paths(op.offline.media)...)); err != nil {
		return err
	}
	open, err := openCeremony(ctx, op)
	if err != nil {
		return err
	}
	if open != nil {
		if !r.continues(open, what) {
			return ui.WithHint(fmt.Errorf("%w: %s, %s", issuer.ErrCeremonyOpen, open.ID, sayChanges(open)),
				"sceau keys ceremony show %s %s says what it does; finish it, or sceau keys ceremony abandon %s %s", shellWord(op.dir), open.ID, shellWord(op.dir), open.ID)
		}
		fmt.Fprintf(c.OutOrStdout(), "going on with ceremony %s, begun on %s: %s\n", open.ID, moment(open.Created), sayChanges(open))
		if err := sayDraft(c.OutOrStdout(), open.Draft); err != nil { // begun another day, perhaps by somebody else
			return err
		}
		return op.goOn(ctx, c, open, fresh, r.to)
	}
	if what == "root" {
		done, err := r.leftAlready(ctx, c, op, fresh)
		if done || err != nil {
			return err
		}
	}
	if err := op.presentMedia(ctx); err != nil {
		return err
	}
	if err := r.repeated(ctx, c, op, what); err != nil {
		return err
	}
	if err := r.alone(ctx, c, op, what, len(fresh)); err != nil {
		return err
	}
	plan, err := r.plan(ctx, c, op, what, fresh)
	if err != nil {
		return err
	}
	k, err := op.BeginRoot(ctx, plan)
	if errors.Is(err, issuer.ErrPlan) {
		return ui.WithHint(err, "sceau keys audit %s shows the shares and how many of them sign", shellWord(op.dir))
	}
	if err != nil {
		return keyHint(err, op.dir)
	}
	fmt.Fprintf(c.OutOrStdout(), "ceremony %s begun: %s\n", k.ID, sayChanges(k))
	return op.goOn(ctx, c, k, fresh, r.to)
}

func openCeremony(ctx context.Context, op *operator) (*issuer.RootCeremony, error) {
	all, err := op.Ceremonies(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if k.State == issuer.CeremonyOpen {
			return &k, nil
		}
	}
	return nil, nil
}

// continues says whether the open ceremony is the one that the command line means. After a theft only one begun since answers it:
// another may keep the stolen share, and its new keys lay where the thief was.
func (r *rotation) continues(k *issuer.RootCeremony, what string) bool {
	if r.why == issuer.WhyTheft && k.Why != issuer.WhyTheft {
		return false
	}
	roles := changes(k)
	switch what {
	case "root":
		if len(roles) == 0 {
			return len(r.newMedia) == 0 && len(r.leave) == 0 && r.threshold == 0
		}
		stays := func(kid string) bool { return slices.Contains(k.After[trust.RoleRoot], kid) }
		return slices.Equal(roles, []string{trust.RoleRoot}) && !slices.ContainsFunc(r.leave, stays) &&
			(!r.keep || !slices.ContainsFunc(k.Before[trust.RoleRoot], func(kid string) bool { return !stays(kid) })) && (r.threshold == 0 || r.threshold == k.ThresholdAfter)
	case "targets":
		return slices.Equal(roles, []string{trust.RoleTargets})
	}
	return slices.Equal(roles, []string{trust.RoleSnapshot, trust.RoleTimestamp})
}

// plan says what the next root changes, and makes the folders of new shares.
func (r *rotation) plan(ctx context.Context, c *cobra.Command, op *operator, what string, fresh []*medium) (issuer.RootPlan, error) {
	plan := issuer.RootPlan{Why: r.why, Leave: r.leave, Threshold: r.threshold}
	switch what {
	case "targets":
		plan.Targets = true
		if err := r.freshFolder(c, op); err != nil {
			return plan, err
		}
	case "online":
		plan.Snapshot, plan.Timestamp = true, true
	}
	if what != "root" {
		return plan, nil
	}
	if r.keep {
		plan.Leave = []string{} // none, though shares come
	}
	_, threshold, err := op.rootKIDs(ctx)
	if err != nil {
		return plan, err
	}
	if plan.Why == "" && len(fresh) == 0 && len(r.leave) == 0 && (r.threshold == 0 || r.threshold == threshold) {
		plan.Why = issuer.WhyRenewal
	}
	if err := r.possible(ctx, op, len(fresh)); err != nil {
		return plan, err
	}
	for _, m := range fresh {
		names, err := m.Names()
		if err != nil {
			return plan, err
		}
		if len(names) > 0 && !m.isSocket() {
			return plan, ui.WithHint(fmt.Errorf("medium %s holds keys already", m.path), "a new share goes onto an empty medium: nothing is written over")
		}
		if !m.isSocket() && !exists(filepath.Join(m.path, "identity.age")) {
			made, err := m.create()
			if err != nil {
				return plan, err
			}
			sayMade(c, m, made)
		}
		plan.Holders = append(plan.Holders, m)
	}
	return plan, nil
}

// freshFolder makes a folder for the offline keys where the one before is lost, when that is said to be so.
func (r *rotation) freshFolder(c *cobra.Command, op *operator) error {
	folder := op.offline.folder
	if r.why != "loss" || exists(filepath.Join(folder.dir, "identity.age")) {
		return nil
	}
	passphrase, err := folder.secret()
	if err != nil {
		return err
	}
	s := secret{passphrase: passphrase, generated: generatedForm.Match(passphrase)}
	if _, err := keystore.Create(folder.dir, passphrase, keystore.Options{ScryptLogN: s.logN()}); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "a folder of offline keys was made in %s, under the passphrase of the server's keys\n", folder.dir)
	return nil
}

func sayMade(c *cobra.Command, m *medium, made bool) {
	if made {
		fmt.Fprintf(c.ErrOrStderr(), "a passphrase for %s was made in %s; give it to whoever keeps the medium, and keep it away from the medium\n", m.path, m.file)
	}
}
