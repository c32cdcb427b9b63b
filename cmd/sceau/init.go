// init and insurer: a new operator, its keys and its insurers.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/sealed"
	"sceau/cmd/internal/ui"
	"sceau/rights"
	"sceau/signing/keystore"
)

const initLong = `Makes an operator: its register (SQLite, or PostgreSQL where sceau.toml or SCEAU_DATABASE says so) with every name
encrypted, its keys (files encrypted with age) and its trust repository. An address of SCEAU_DATABASE is kept in DIR/sceau.toml.

    $ sceau init ./operator --insurer 775670482 --name "Mutuelle Exemple"
    operator made in ./operator for Mutuelle Exemple (775670482)
    fingerprint of the root, to give to counters by another way than the lists:
      3F0A 91C4 …
    keep operator/offline elsewhere: it holds the root (2 of 3), targets and insurers' keys

With --medium, given once for each share of the root, every share is on a place of its own with a passphrase of its own, so that
no one person and no one theft has enough of them (--root-threshold) to sign a new root:

    $ sceau init ./operator --insurer 775670482 --name "Mutuelle Exemple" \
        --medium /media/a/share=a.txt --medium /media/b/share=b.txt --medium /media/c/share=c.txt

A passphrase file that does not exist is made. Without --medium all shares are in the folder of the offline keys, and
"sceau keys audit" says so until a ceremony moves them.

The passphrase of the keys comes from --passphrase-file, SCEAU_PASSPHRASE_FILE, SCEAU_PASSPHRASE or a prompt. Where nobody
gives one, one is made and left in DIR/passphrase: move it to where your other secrets are.`

// minPrintedAMC is the length of the shortest N° AMC that is given out today.
const minPrintedAMC = 8

// facts are the flags that describe an insurer.
type facts struct {
	amc, name               string
	professionals, members  string
	outage                  string
	rootKeys, rootThreshold int
	service                 string
}

func (f *facts) add(c *cobra.Command) {
	c.Flags().StringVar(&f.amc, "insurer", "", "N° AMC of the insurer, as printed")
	c.Flags().StringVar(&f.name, "name", "", "name of the insurer, as displayed")
	c.Flags().StringVar(&f.professionals, "phone-professionals", "", "phone number for counters")
	c.Flags().StringVar(&f.members, "phone-members", "", "phone number for beneficiaries")
	c.Flags().StringVar(&f.outage, "outage", "", "JSON file of the outage policy (see card/FORMAT.md)")
}

func (f *facts) insurer() (issuer.InsurerFacts, error) {
	if f.amc == "" || f.name == "" {
		return issuer.InsurerFacts{}, ui.WithHint(ui.Usage("an insurer needs its number and its name"), `--insurer 775670482 --name "Mutuelle Exemple"`)
	}
	amc, err := rights.ParseAMC(f.amc)
	if err != nil {
		return issuer.InsurerFacts{}, ui.Usage("--insurer: %v", err)
	}
	if len(amc) < minPrintedAMC {
		return issuer.InsurerFacts{}, ui.WithHint(ui.Usage("--insurer %s: a printed N° AMC has %d to %d characters", amc, minPrintedAMC, rights.MaxAMC), "leading zeros count")
	}
	for _, t := range []struct {
		flag, text, rule string
		good             func(string) bool
	}{
		{"--name", f.name, "the name as displayed, one line of letters, digits and usual signs", func(s string) bool { return rights.CheckNote(s) == nil }},
		{"--phone-professionals", f.professionals, "a phone number, such as 01 99 00 12 34", card.IsPhone},
		{"--phone-members", f.members, "a phone number, such as 01 99 00 12 34", card.IsPhone},
	} {
		if t.text != "" && !t.good(t.text) {
			return issuer.InsurerFacts{}, ui.WithHint(ui.Usage("%s %q can't be shown at counters", t.flag, t.text), "%s", t.rule)
		}
	}
	out := issuer.InsurerFacts{AMC: amc, Name: f.name, PhoneProfessionals: f.professionals, PhoneMembers: f.members}
	if f.outage == "" {
		return out, out.Check()
	}
	b, err := os.ReadFile(f.outage)
	if err != nil {
		return out, ui.Usage("--outage: %v", err)
	}
	out.Outage, err = readOutage(b)
	if err != nil {
		return out, ui.WithHint(ui.Usage("--outage %s: %v", f.outage, err),
			`{"default":{"reserve_hours":72,"refuse_hours":720,"payable_euros":150},"domains":{"OPTI":{…}}}`)
	}
	return out, out.Check()
}

// readOutage reads the policy as issuer.json has it.
func readOutage(b []byte) (card.OutagePolicy, error) {
	type limits struct {
		Reserve *int `json:"reserve_hours"`
		Refuse  *int `json:"refuse_hours"`
		Payable int  `json:"payable_euros"`
	}
	var doc struct {
		Default *limits           `json:"default"`
		Domains map[string]limits `json:"domains"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return card.OutagePolicy{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return card.OutagePolicy{}, errors.New("bytes after the object")
	}
	if doc.Default == nil {
		return card.OutagePolicy{}, errors.New(`"default" is missing`)
	}
	convert := func(where string, l limits) (card.Limits, error) {
		if l.Reserve == nil || l.Refuse == nil {
			return card.Limits{}, fmt.Errorf("%s needs reserve_hours and refuse_hours", where)
		}
		return card.Limits{ReserveHours: *l.Reserve, RefuseHours: *l.Refuse, PayableEuros: l.Payable}, nil
	}
	var out card.OutagePolicy
	var err error
	if out.Default, err = convert("default", *doc.Default); err != nil {
		return card.OutagePolicy{}, err
	}
	known := rights.DefaultCodes().DomainCodes()
	for code, l := range doc.Domains {
		if !slices.Contains(known, code) {
			return card.OutagePolicy{}, fmt.Errorf("%q is no domain code", code)
		}
		if out.Domains == nil {
			out.Domains = map[string]card.Limits{}
		}
		if out.Domains[code], err = convert(code, l); err != nil {
			return card.OutagePolicy{}, err
		}
	}
	return out, nil
}

func newInit(p *place) *cobra.Command {
	var f facts
	c := &cobra.Command{
		Use:   `init DIR --insurer N --name NAME`,
		Short: "Make an operator: keys, trust repository, register",
		Long:  initLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			first, err := f.insurer()
			if err != nil {
				return err
			}
			if rights.CheckNote(f.service) != nil {
				return ui.Usage("--operator-name %q can't be shown at counters", f.service)
			}
			if n := len(p.media); n > 0 && c.Flags().Changed("root-keys") && n != f.rootKeys {
				return ui.Usage("%d --medium for --root-keys %d: each gets one share", n, f.rootKeys)
			} else if n > 0 {
				f.rootKeys = n
			}
			if f.rootThreshold < 1 || f.rootKeys < f.rootThreshold {
				return ui.WithHint(ui.Usage("%d shares can't give the %d signatures of a root", f.rootKeys, f.rootThreshold), "more --medium, or another --root-threshold")
			}
			return f.init(c, p, args[0], first)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.service, "operator-name", issuer.DefaultService, "name under which counters read the operator: its notices are signed with it, and it can't be changed later")
	c.Flags().IntVar(&f.rootKeys, "root-keys", 3, "number of root keys, when no --medium is given")
	c.Flags().IntVar(&f.rootThreshold, "root-threshold", 2, "how many of them must sign a new root")
	return c
}

func (f *facts) init(c *cobra.Command, p *place, dir string, first issuer.InsurerFacts) error {
	there, begun, err := begun(c.Context(), dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, onlineName)); begun && errors.Is(err, os.ErrNotExist) {
		return ui.WithHint(errors.New("the database holds an operator's register already, of another folder"), "name an empty database in SCEAU_DATABASE or %s", filepath.Join(dir, configName))
	}
	if begun {
		return ui.WithHint(fmt.Errorf("%s holds an operator already", dir), "sceau insurer add %s adds an insurer to it", dir)
	}
	media, err := openMedia("--medium", p.media)
	if err != nil {
		return err
	}
	if err := beginMedia(c, media, exists(filepath.Join(dir, onlineName))); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // nothing is left of what was refused
		return err
	}
	key, err := firstPassphrase(dir, p.passphraseFile)
	if err != nil {
		return err
	}
	for _, folder := range []string{filepath.Join(dir, onlineName), p.offline(dir)} {
		if _, err := keystore.Create(folder, key.passphrase, keystore.Options{ScryptLogN: key.logN()}); err != nil && !errors.Is(err, keystore.ErrExists) {
			return fmt.Errorf("key folder %s: %w", folder, err)
		}
	}
	if err := newRegister(c.Context(), dir, !there, key.passphrase); err != nil {
		return err
	}
	remembered, err := rememberDatabase(dir)
	if err != nil {
		return err
	}
	op, err := p.open(dir)
	if err != nil {
		return err
	}
	defer op.Close()
	report, err := op.Init(c.Context(), issuer.InitOptions{Insurers: []issuer.InsurerFacts{first}, RootKeys: f.rootKeys, RootThreshold: f.rootThreshold, Service: f.service})
	if err != nil {
		return ui.WithHint(err, "nothing was published; run the same command again")
	}
	out := c.OutOrStdout()
	fmt.Fprintf(out, "operator made in %s for %s (%s)\n", dir, first.Name, first.AMC)
	fmt.Fprintf(out, "fingerprint of the root, to give to counters by another way than the lists:\n  %s\n", report.Fingerprint)
	if len(media) == 0 {
		fmt.Fprintf(out, "keep %s elsewhere: it holds the root (%d of %d), targets and insurers' keys\n", p.offline(dir), f.rootThreshold, f.rootKeys)
	} else {
		fmt.Fprintf(out, "the root (%d of %d) has one share on each of %s: keep them with different people, in different places\n", f.rootThreshold, f.rootKeys, strings.Join(paths(media), ", "))
		fmt.Fprintf(out, "keep %s elsewhere too: it holds targets and insurers' keys\n", p.offline(dir))
	}
	if key.generated {
		fmt.Fprintf(c.ErrOrStderr(), "no passphrase was given: one was made in %s; move it to where your other secrets are\n", filepath.Join(dir, generatedName))
	}
	if remembered {
		said := ""
		if hasPassword(os.Getenv("SCEAU_DATABASE")) {
			said = ", with its password: let only the service read that file"
		}
		fmt.Fprintf(c.ErrOrStderr(), "the address of the database was written to %s%s\n", filepath.Join(dir, configName), said)
	}
	for _, w := range report.Warnings {
		fmt.Fprintln(c.ErrOrStderr(), w)
	}
	return nil
}

// begun says whether there is a register, and whether it has anything in it: an init that was cut short has left none or an
// empty one, and may be run again.
func begun(ctx context.Context, dir string) (there, begun bool, err error) {
	rows, err := openDatabase(ctx, dir, false)
	if errors.Is(err, os.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	err = rows.View(ctx, func(tx register.Tx) error { // insurers are not encrypted: no key is needed
		all, err := tx.Insurers()
		begun = len(all) > 0
		return err
	})
	return true, begun, errors.Join(err, rows.Close())
}

// newRegister makes an encrypted register, or what an interrupted init left of one. The keys come first: no row is ever
// written without them.
func newRegister(ctx context.Context, dir string, create bool, passphrase []byte) error {
	folder, err := keystore.Open(filepath.Join(dir, onlineName), passphrase)
	if err != nil {
		return err
	}
	keys, err := ensureRegisterKeys(folder)
	if err != nil {
		return err
	}
	rows, err := openDatabase(ctx, dir, create)
	if err != nil {
		return err
	}
	return errors.Join(sealed.New(rows, keys).Mark(ctx), rows.Close())
}

// firstPassphrase is that of a new operator, or of one whose init was cut short.
func firstPassphrase(dir, flag string) (secret, error) {
	if p, err := givenPassphrase(flag); p != nil || err != nil {
		return secret{passphrase: p}, err
	}
	if name := filepath.Join(dir, generatedName); exists(name) {
		p, err := readPassphraseFile(name)
		return secret{passphrase: p, generated: true}, err
	}
	return newPassphrase(dir, flag)
}

func newInsurer(p *place) *cobra.Command {
	c := &cobra.Command{
		Use:   "insurer",
		Short: "Add or list the insurers of an operator",
		Args:  ui.Args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var f facts
	add := &cobra.Command{
		Use:   "add DIR --insurer N --name NAME",
		Short: "Add an insurer: its keys and its part of the repository",
		Long: `Adds an insurer. Its keys are made, and the operator's offline keys sign its part of the repository.

    $ sceau insurer add ./operator --insurer 302976568 --name "Mutuelle du Littoral"
    insurer 302976568 added; counters follow it from the next publication: sceau publish ./operator --to …

A service that runs (sceau serve) publishes by itself.`,
		Args: ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			i, err := f.insurer()
			if err != nil {
				return err
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			err = op.AddInsurer(c.Context(), i)
			switch {
			case errors.Is(err, issuer.ErrInitialised):
				return ui.WithHint(fmt.Errorf("insurer %s is there already", i.AMC), "sceau insurer list %s", args[0])
			case errors.Is(err, issuer.ErrNoOfflineKeys):
				return ui.WithHint(err, "attach the medium of the offline keys, or give --offline-keys")
			case err != nil:
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "insurer %s added; counters follow it from the next publication: sceau publish %s --to …\n", i.AMC, args[0])
			return nil
		},
	}
	f.add(add)
	var asJSON bool
	list := &cobra.Command{
		Use:   "list DIR",
		Short: "List the insurers",
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			if !asJSON {
				fmt.Fprintln(table, "AMC\tNAME\tCARD KEYS")
			}
			if err := op.store.View(c.Context(), func(tx register.Tx) error {
				all, err := tx.Insurers()
				if err != nil {
					return err
				}
				for _, i := range all {
					doc, err := card.ParseInsurer(i.Document)
					if err != nil {
						return fmt.Errorf("insurer %s: %w", i.Key, err)
					}
					if asJSON {
						err = json.NewEncoder(c.OutOrStdout()).Encode(struct {
							AMC      string `json:"amc"`
							Name     string `json:"name"`
							CardKeys int    `json:"card_keys"`
						}{string(doc.AMC), doc.Name, len(doc.CardKeys)})
					} else {
						_, err = fmt.Fprintf(table, "%s\t%s\t%d\n", doc.AMC, doc.Name, len(doc.CardKeys))
					}
					if err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
			return table.Flush()
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "one JSON object for each insurer")
	c.AddCommand(add, list)
	return c
}
