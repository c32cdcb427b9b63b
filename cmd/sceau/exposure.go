// exposure: whom a stolen credential could read and did read, as a report for the authority and a letter for each person.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/issuer/firsthour"
	"sceau/card/pdf"
	"sceau/cmd/internal/ui"
	"sceau/rights"
	"sceau/signing/journal"
)

const exposureLong = `Answers exactly which people a stolen credential could have read and did read, from what the service wrote down: the trace of
online checks, the counters' journals, and the audit chain, all of them verified first.

  --finess N       every counter of an establishment        --apikey ID      a program's key, by its 16 characters
  --counter ID     one counter                              --operator NAME  an account, as the audit chain names it
  --device ID      a counter's computer, by its journal     --register       the database or a backup that can be opened
  --key KID        a key: a signing key reads nobody

    $ sceau exposure ./operator --finess 600100713 --discovered 2027-03-02T09:40 \
        --contact "la déléguée, 01 99 00 12 34" --out ./exposition
    2 counters, from 2027-01-04 08:12 UTC to 2027-03-02 10:05 UTC
    read: 12 people; within reach: 14 people
    2 reads or changes from the discovery on
    traces: whole (1060 audit entries, 52310 checks, 12 not bound yet)
    tell the authority before 2027-03-05 09:40 (Paris), 72 hours after the discovery
    12 letters, 3 of them about minors, of 8 contracts, in exposition; it holds names: hand it on encrypted, and remove it

The folder holds rapport.pdf and rapport.json for the data-protection authority (article 33 of the GDPR; nobody's name is in
them), personnes.csv, lettres (a text for each person, article 34; a minor's goes to the first adult of the contract) and
lettres.ndjson, the same for a mailing house. Names are nowhere else: not here, and not in the audit chain, which says who
asked, about which credential, and how many people it were.

Letters go to those of whom a read is recorded, and say whom to call: without --contact none is written. With --could, or where the
traces can't tell (an account of the server, the register, an altered chain), they go to everybody within reach.

Exit codes: 0 done, 3 done and the traces are altered: the report says from when on the answer is not certain.`

// exposure holds the flags.
type exposure struct {
	ids                     map[issuer.ExposureKind]*string
	register, could         bool
	from, until, discovered string
	out, contact            string
	measures, heads, copies []string
}

func newExposure(p *place) *cobra.Command {
	x := exposure{ids: map[issuer.ExposureKind]*string{}}
	c := &cobra.Command{
		Use:   "exposure DIR (--finess N | --counter ID | --device ID | --key KID | --apikey ID | --operator NAME | --register) --out FOLDER",
		Short: "Say whom a stolen credential could read and did read",
		Long:  exposureLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			q, discovered, err := x.query(c)
			if err != nil {
				return err
			}
			op, err := p.open(args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			ctx, stop := interruptible(c)
			defer stop()
			return x.run(ctx, c, op, q, discovered)
		},
	}
	for _, k := range []struct {
		kind        issuer.ExposureKind
		flag, usage string
	}{{issuer.ExposeFINESS, "finess", "FINESS of an establishment"}, {issuer.ExposeCounter, "counter", "id of a counter"}, {issuer.ExposeDevice, "device", "id of a counter's journal"},
		{issuer.ExposeKey, "key", "kid of a key"}, {issuer.ExposeAPIKey, "apikey", "name of an API key"}, {issuer.ExposeOperator, "operator", "account, as the audit chain names it"}} {
		x.ids[k.kind] = c.Flags().String(k.flag, "", k.usage)
	}
	f := c.Flags()
	f.BoolVar(&x.register, "register", false, "the register, or a backup of it, with what opens it")
	f.BoolVar(&x.could, "could", false, "letters also for people within reach of whom no read is recorded")
	f.StringVar(&x.from, "from", "", "first day or moment to look at (default: the credential's life)")
	f.StringVar(&x.until, "until", "", "last day, included, or first moment not to look at (default: now)")
	f.StringVar(&x.discovered, "discovered", "", "day or moment when the theft was found out: AAAA-MM-JJTHH:MM, in Paris")
	f.StringVar(&x.out, "out", "", "folder to make, with the report and the letters")
	f.StringVar(&x.contact, "contact", "", "whom the authority and people may ask: the data protection officer and a telephone number; letters need it")
	f.StringArrayVar(&x.measures, "measure", nil, "a measure that was taken, in French, for the report and the letters; may be repeated")
	f.StringArrayVar(&x.heads, "head", nil, "NUMBER:HASH of the audit chain that was noted before; may be repeated")
	f.StringArrayVar(&x.copies, "published", nil, "copy of what was published, whose heads of the audit chain count too: folder, zip or address; may be repeated")
	return c
}

// query reads the flags.
func (x *exposure) query(c *cobra.Command) (q issuer.ExposureQuery, discovered time.Time, err error) {
	given := 0
	for kind, id := range x.ids {
		if *id != "" {
			given++
			q.Kind, q.ID = kind, *id
		}
	}
	if x.register {
		given++
		q.Kind = issuer.ExposeRegister
	}
	switch {
	case given != 1:
		return q, discovered, ui.WithHint(ui.Usage("say what was stolen: one of --finess, --counter, --device, --key, --apikey, --operator, --register"), "sceau exposure --help")
	case x.out == "":
		return q, discovered, ui.WithHint(ui.Usage("--out is missing"), "--out ./exposition: a folder that does not exist yet")
	case pdf.CheckText(x.contact+strings.Join(x.measures, "")) != nil:
		return q, discovered, ui.Usage("--contact or --measure holds a character that can't be printed")
	}
	if _, err := os.Lstat(x.out); err == nil {
		return q, discovered, ui.WithHint(ui.Usage("%s is there already", x.out), "give a folder that does not exist yet")
	}
	if q.From, err = parseMoment("--from", x.from, 0); err != nil {
		return q, discovered, err
	}
	if q.To, err = parseMoment("--until", x.until, 1); err != nil {
		return q, discovered, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, discovered, ui.Usage("--from lies behind --until")
	}
	if discovered, err = parseMoment("--discovered", x.discovered, 0); err != nil {
		return q, discovered, err
	}
	for _, text := range x.heads {
		var h journal.Head
		if h, err = parseHead(text); err != nil {
			return q, discovered, err
		}
		q.Heads = append(q.Heads, h)
	}
	q.Could = x.could
	return q, discovered, nil
}

// parseMoment reads a day, of which it takes the first second in Paris (of the day that lies days later), or a moment.
func parseMoment(flag, text string, days rights.Date) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(form, text, rights.Paris()); err == nil {
			return t, nil
		}
	}
	d, err := rights.ParseDate(text)
	if err != nil || d < rights.FirstDay || d > rights.LastDay {
		return time.Time{}, ui.WithHint(ui.Usage("%s is no day and no moment", flag), "%s 2027-03-02T09:40", flag)
	}
	return (d + days).Midnight(), nil
}

func (x *exposure) run(ctx context.Context, c *cobra.Command, op *operator, q issuer.ExposureQuery, discovered time.Time) (err error) {
	if discovered.After(op.Now()) {
		return ui.WithHint(ui.Usage("--discovered lies ahead: it is %s in Paris now", op.Now().In(rights.Paris()).Format("2006-01-02T15:04")), "--discovered is when the theft was found out")
	}
	q.Discovered = discovered
	published, err := publishedHeads(ctx, op.Issuer, x.copies)
	if err != nil {
		return err
	}
	for _, p := range published {
		q.Heads = append(q.Heads, p.head)
	}
	facts := letterFacts{kind: q.Kind, at: op.Now().In(rights.Paris()), contact: strings.TrimRight(strings.TrimSpace(x.contact), "."), measures: x.measures}
	if !discovered.IsZero() {
		facts.discovered = discovered.In(rights.Paris())
	}
	files, err := newExposureFiles(x.out, facts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.discard()) }()
	q.Found = func(e *issuer.Exposure) { files.found = e }
	e, err := op.Exposure(ctx, q, files.person)
	if errors.Is(err, issuer.ErrUnknownCredential) {
		return ui.WithHint(ui.Usage("no %s of that name is known here", q.Kind), "%s", whereToLook(q.Kind, op.dir))
	}
	if err != nil {
		return err
	}
	r := &exposureReport{Exposure: e, discovered: discovered, contact: x.contact, measures: x.measures, letters: files.letters}
	if err := files.finish(r); err != nil {
		return err
	}
	// Before anybody has the names: who asked, and for what.
	if err := op.JournalExposure(ctx, e, files.letters); err != nil {
		return err
	}
	if err := files.publish(); err != nil {
		return err
	}
	r.say(c.OutOrStdout(), x.out)
	if !e.Certainty.Whole() {
		return ui.Exit(exitPartial)
	}
	return nil
}

// whereToLook is the command that lists names of a kind.
func whereToLook(k issuer.ExposureKind, dir string) string {
	switch k {
	case issuer.ExposeAPIKey:
		return "sceau apikey list " + dir
	case issuer.ExposeOperator:
		return "sceau audit show " + dir
	case issuer.ExposeDevice:
		return "sceau receipts " + dir + " --json"
	case issuer.ExposeKey:
		return "sceau keys audit " + dir
	}
	return "sceau counter list " + dir
}

// say is what the terminal shows: counts.
func (r *exposureReport) say(out io.Writer, folder string) {
	switch {
	case r.Purpose != "":
		fmt.Fprintf(out, "%s is a signing key (%s): with it nobody is read\n", r.ID, r.Purpose)
	case len(r.Credentials) == 0:
		fmt.Fprintln(out, "the register")
	default:
		noun := map[issuer.ExposureKind]string{issuer.ExposeCounter: "counter", issuer.ExposeAPIKey: "API key", issuer.ExposeOperator: "account"}[r.Credentials[0].Kind]
		from, to := r.span()
		fmt.Fprintf(out, "%s, from %s to %s\n", plural(len(r.Credentials), noun), or(stampOf(from), "the beginning"), stampOf(to))
	}
	if r.Untraced {
		fmt.Fprintf(out, "what was read leaves no trace; within reach: %s\n", peopleCount(r.Could))
	} else {
		fmt.Fprintf(out, "read: %s; within reach: %s\n", peopleCount(r.Read), peopleCount(r.Could))
	}
	if r.Late > 0 {
		fmt.Fprintf(out, "%d reads or changes from the discovery on\n", r.Late)
	}
	if c := r.Certainty; c.Whole() {
		fmt.Fprintf(out, "traces: whole (%d audit entries, %d checks, %d not bound yet)\n", c.Entries, c.Rows, c.Unbound)
	} else if c.Nothing() {
		fmt.Fprintln(out, "traces: ALTERED; nothing in this answer is certain")
	} else if c.Bad > 0 {
		fmt.Fprintf(out, "traces: ALTERED; the answer is certain up to entry %d of the audit chain, of %s, and not from there on\n", c.Entries, stampOf(c.Since))
	} else {
		fmt.Fprintf(out, "traces: ALTERED; the answer is certain until %s, and not from there on\n", stampOf(c.Since))
	}
	if !r.discovered.IsZero() {
		fmt.Fprintf(out, "tell the authority before %s (Paris), 72 hours after the discovery\n", r.discovered.Add(firsthour.Notification).In(rights.Paris()).Format("2006-01-02 15:04"))
	}
	if r.letters == 0 {
		fmt.Fprintf(out, "no letters; the report is in %s and names nobody\n", filepath.Clean(folder))
		return
	}
	minors := ""
	if r.Minors > 0 {
		minors = fmt.Sprintf(", %d of them about minors", r.Minors)
	}
	fmt.Fprintf(out, "%s%s, of %s, in %s; it holds names: hand it on encrypted, and remove it\n", plural(int(r.letters), "letter"), minors,
		plural(int(r.Contracts), "contract"), filepath.Clean(folder))
}

func peopleCount(n int64) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}
