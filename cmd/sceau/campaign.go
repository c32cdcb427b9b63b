// campaign: cards by thousands or millions, planned once, made by any number of workers, and delivered to a printing house.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/issuer/batch"
	"sceau/cmd/internal/ui"
)

const campaignLong = `Makes cards by thousands or millions: planned once, cut into shards that any number of workers make, written as print files
with a signed manifest that the printing house checks. What is done stands in the register: a worker or a machine that dies loses
nothing, and nothing is made twice.

    $ sceau campaign create ./operator --name "Cartes 2027" --period 2027-01-01..2027-12-31 --window dl --to ./print --dry-run
    $ sceau campaign create ./operator --name "Cartes 2027" --period 2027-01-01..2027-12-31 --window dl --to ./print
    $ sceau campaign start ./operator 261121-4k9q
    $ sceau campaign status ./operator 261121-4k9q --watch
    $ sceau campaign report ./operator 261121-4k9q --rejects rejects.csv
    $ sceau campaign verify ./print --trust https://lists.example/ --root "B8CB 0D57 … 64F4"

Exit code 3 when a campaign is done and some of its cards could not be made: report says which and why. create --dry-run ends with it when
create would be refused.`

func newCampaign(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "campaign",
		Short: "Make cards by thousands or millions",
		Long:  campaignLong,
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCampaignCreate(p), newCampaignList(p), newCampaignStatus(p), newCampaignStart(p),
		newCampaignPause(p), newCampaignResume(p), newCampaignCancel(p), newCampaignReport(p), newCampaignDiff(p), newCampaignVerify(p), newCampaignRerun(p), newCampaignReseal(p))
	return c
}

// withCampaign opens the operator of DIR and runs fn on the campaign that the second argument names.
func (p *place) withCampaign(c *cobra.Command, args []string, fn func(ctx context.Context, op *operator, id string) error) error {
	op, err := p.openContext(c.Context(), args[0])
	if err != nil {
		return err
	}
	defer op.Close()
	ctx, stop := interruptible(c)
	defer stop()
	return campaignHint(fn(ctx, op, args[1]), op.dir, args[1])
}

// staff is whoever sits at this computer: the operator.
func (o *operator) staff() issuer.Staff {
	return issuer.Staff{Actor: o.Actor, Person: o.Actor, Roles: []issuer.Role{issuer.RoleOperator}}
}

// refusalHint says what to do about what create refuses because of other campaigns, or for want of cards.
func refusalHint(err error, dir string) string {
	dir = shellWord(dir)
	var there *issuer.CampaignExists
	var beside *issuer.CampaignBeside
	var nothing *issuer.NothingToMake
	switch {
	case errors.As(err, &there):
		return fmt.Sprintf("sceau campaign status %s %s; give the new one another --name, or cancel the old one", dir, there.ID)
	case errors.As(err, &beside):
		return fmt.Sprintf("finish that one first, or give it up: sceau campaign cancel %s %s; when the two print different contracts: --beside %s", dir, beside.ID, beside.ID)
	case errors.As(err, &nothing):
		return "nothing was planned; " + nothingHint(nothing.LeftOut)
	}
	return ""
}

// campaignHint says what to do about what a campaign refuses.
func campaignHint(err error, dir, id string) error {
	if hint := refusalHint(err, dir); hint != "" {
		return ui.WithHint(err, "%s", hint)
	}
	dir = shellWord(dir)
	switch {
	case errors.Is(err, issuer.ErrUnknownBeside):
		return ui.WithHint(err, "--beside takes the ID of a campaign: sceau campaign list %s", dir)
	case errors.Is(err, issuer.ErrNotComparable):
		return ui.WithHint(ui.WithCode(err, ui.ExitUsage), "compare two campaigns that were created with --period FIRST..LAST, both ends given, for different days")
	case errors.Is(err, issuer.ErrUnknownCampaign):
		return ui.WithHint(err, "sceau campaign list %s", dir)
	case errors.Is(err, issuer.ErrUnplanned):
		return ui.WithHint(err, "run the same sceau campaign create again to go on, or give it up: sceau campaign cancel %s %s", dir, id)
	case errors.Is(err, issuer.ErrCampaignState):
		return ui.WithHint(err, "sceau campaign status %s %s", dir, id)
	case errors.Is(err, issuer.ErrLeased):
		return ui.WithHint(err, "another process is at it; if that one died, wait until then and try again")
	case errors.Is(err, issuer.ErrNoCardKey):
		return ui.WithHint(err, "sceau keys rotate card %s --insurer N", dir)
	case errors.Is(err, issuer.ErrUnknownInsurer):
		return ui.WithHint(err, "sceau insurer list %s", dir)
	case errors.Is(err, issuer.ErrCampaignSpec):
		return ui.WithHint(ui.WithCode(err, ui.ExitUsage), "sceau campaign create --help")
	}
	return err
}

// nothingHint says what most of the cards were left out for.
func nothingHint(causes map[string]int64) string {
	if all := byCount(causes); len(all) > 0 {
		return all[0] + ": " + causeWords[all[0]]
	}
	return "no contract is selected: look at --insurer, --period, --renewal and --changed-since"
}

// freezeThemes reads the theme that each insurer's letters are printed with: the one that was given for all, or themes/AMC.json of the
// folder, or theme.json.
func (o *operator) freezeThemes(given string) func(insurer string) ([]byte, error) {
	return func(insurer string) ([]byte, error) {
		for _, name := range []string{given, filepath.Join(o.dir, "themes", insurer+".json"), filepath.Join(o.dir, themeName)} {
			if name == "" || name != given && !exists(name) {
				continue
			}
			theme, err := readTheme(name)
			if err != nil {
				return nil, err
			}
			b, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			var logo []byte
			if theme.Logo != "" {
				path := theme.Logo
				if !filepath.IsAbs(path) {
					path = filepath.Join(filepath.Dir(name), path)
				}
				if logo, err = os.ReadFile(path); err != nil {
					return nil, fmt.Errorf("%s: logo: %w", name, err)
				}
			}
			return batch.FreezeTheme(b, logo)
		}
		return nil, nil
	}
}

// causeWords say a cause to people.
var causeWords = map[string]string{
	issuer.CauseExisting:  "have a live card already (--existing prints it again)",
	issuer.CauseOutdated:  "have a card that the contract has outgrown (--outdated replaces it)",
	issuer.CauseWithheld:  "revoked: restore, then reprint",
	issuer.CauseSuspended: "suspended: restore first",
	issuer.CauseEnded:     "the contract, or the person's rights, are over",
	issuer.CauseOtherForm: "the contract has cards of the other form",
	issuer.CauseTooLong:   "too much for the symbol: shorten the notes or split the contract",
	issuer.CauseNoRoom:    "no room for it",
	issuer.CauseGlyph:     "a character that the page can't print",
	issuer.CauseGone:      "no such contract, or no such person in it any more",
	issuer.CauseNoAddress: "a letter with a window, and the contract has no address",
	issuer.CauseOther:     "the contract begins outside of the period",
	issuer.CauseDamaged:   "damaged: sceau fsck",
}

// sayCauses prints counts by cause, the greatest first.
func sayCauses(w io.Writer, indent string, causes map[string]int64) {
	for _, c := range byCount(causes) {
		fmt.Fprintf(w, "%s%10s  %-12s  %s\n", indent, thousands(causes[c]), c, causeWords[c])
	}
}

// thousands writes a number so that its size is seen.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func howMany(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

// sizeOf writes a number of bytes.
func sizeOf(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return howMany(n, "byte")
}
