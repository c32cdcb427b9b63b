// keys audit: which key can do what, where it is, until when, and what its theft would cost.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/cmd/internal/ui"
	"sceau/signing/trust"
)

const keysAuditLong = `Lists every key: what it can do, where it is, until when it holds, what its theft would cost, and the verb that answers a
theft. It reads public halves only: no passphrase is asked for, and nothing is changed. Media that are not attached are said to
be elsewhere; attach them with --medium to see which share is where.

    $ sceau keys audit ./operator --medium /media/a/share
    ROOT  2 of 3 sign a new root
      -       dpkO-V9uAsA  in force  not attached       until 2029-11-20
      -       lz9qxlp9D1U  in force  not attached       until 2029-11-20
      root-1  cxOsF6a-xs4  in force  in /media/a/share  until 2029-11-20
      can    together with the other holders, say which keys are in force
      theft  alone nothing, below the number of signatures that a root needs; as many as that,
             everything: every counter must then be told of a new root by hand
      then   sceau keys compromise ./operator root KID --new-medium PATH --medium … with the other holders

Exit code 1 when something must be done now.`

// keyPlace is a fact with the place that the program found for it.
type keyPlace struct {
	issuer.KeyFact
	place string
}

// auditReport is what both forms of the output print.
type auditReport struct {
	dir           string
	at            time.Time
	keys          []keyPlace
	findings      []issuer.KeyFinding
	rootThreshold int
}

func newKeysAudit(p *place) *cobra.Command {
	var asJSON, count bool
	c := &cobra.Command{
		Use:   "audit DIR",
		Short: "Say which key can do what, where it is, and what its theft would cost",
		Long:  keysAuditLong,
		Args:  ui.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := interruptible(c)
			defer stop()
			op, err := p.openPublic(ctx, args[0])
			if err != nil {
				return err
			}
			defer op.Close()
			r, err := op.auditKeys(ctx, count)
			if err != nil {
				return err
			}
			print := r.text
			if asJSON {
				print = r.json
			}
			if err := print(c.OutOrStdout()); err != nil {
				return err
			}
			if slices.ContainsFunc(r.findings, func(f issuer.KeyFinding) bool { return f.Serious }) {
				return ui.Exit(ui.ExitFailure)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&count, "count", false, "count the cards of each key, which reads every card")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return c
}

// auditKeys joins what the register says of keys with where they are.
func (o *operator) auditKeys(ctx context.Context, count bool) (*auditReport, error) {
	inv, err := o.Inventory(ctx, issuer.InventoryOptions{Count: count})
	if err != nil {
		return nil, err
	}
	r := &auditReport{dir: o.dir, at: inv.At, findings: inv.Findings}
	for i := range r.findings {
		r.findings[i].Text = strings.ReplaceAll(r.findings[i].Text, " DIR ", " "+shellWord(o.dir)+" ")
	}
	err = o.Published(ctx, func(t *trust.Trusted) (err error) {
		_, r.rootThreshold, err = t.Authority(trust.RoleRoot)
		return err
	})
	if err != nil {
		return nil, err
	}
	online, err := kidsOf(o.online)
	if err != nil {
		return nil, err
	}
	places, err := o.offlinePlaces()
	if err != nil {
		return nil, err
	}
	places = append(places, holding{where: o.online.dir, kids: online})
	together := map[string]int{}
	for _, k := range inv.Keys {
		at := keyPlace{KeyFact: k}
		for _, h := range places {
			name, ok := h.kids[k.KID]
			if !ok {
				continue
			}
			if at.place == "" {
				at.place, at.Name = h.where, name
			}
			if k.Purpose == issuer.PurposeRoot && k.State == stateInForce {
				together[h.where]++
			}
		}
		r.keys = append(r.keys, at)
	}
	for _, h := range places {
		if n := together[h.where]; n > 1 && n >= r.rootThreshold {
			where := "in " + h.where
			if rel, err := filepath.Rel(o.dir, h.where); err == nil && filepath.IsLocal(rel) {
				where += ", beside everything else"
			}
			r.findings = append(r.findings, issuer.KeyFinding{Code: "SHARES_TOGETHER", Text: fmt.Sprintf("%d shares of the root are %s: whoever steals that folder and its passphrase owns the repository. "+
				"Move them: sceau keys rotate %s root --new-medium A --new-medium B --new-medium C", n, where, shellWord(o.dir))})
		}
	}
	return r, nil
}

const stateInForce = "in force"

// auditOrder is how purposes follow one another on the screen: what everything hangs on comes first.
var auditOrder = []string{issuer.PurposeRoot, issuer.PurposeTargets, issuer.PurposeSnapshot, issuer.PurposeTimestamp, issuer.PurposeAccord, issuer.PurposeSettlement, issuer.PurposeManifest,
	issuer.PurposeInsurer, issuer.PurposeStatus, issuer.PurposeCard, issuer.PurposeList}

// sections groups the keys by purpose and insurer: those of the operator first, then one insurer after the other.
func (r *auditReport) sections() [][]keyPlace {
	rank := func(k keyPlace) int {
		if i := slices.Index(auditOrder, k.Purpose); i >= 0 {
			return i
		}
		return len(auditOrder)
	}
	sorted := slices.Clone(r.keys)
	slices.SortStableFunc(sorted, func(a, b keyPlace) int {
		if n := strings.Compare(a.Insurer, b.Insurer); n != 0 {
			return n
		}
		if n := rank(a) - rank(b); n != 0 {
			return n
		}
		return stateRank(a.State) - stateRank(b.State)
	})
	var out [][]keyPlace
	for _, k := range sorted {
		if n := len(out); n > 0 && out[n-1][0].Purpose == k.Purpose && out[n-1][0].Insurer == k.Insurer {
			out[n-1] = append(out[n-1], k)
			continue
		}
		out = append(out, []keyPlace{k})
	}
	return out
}

// auditStates is how the states of a purpose's keys follow one another: what a thief would want comes first.
var auditStates = []string{stateInForce, "active", issuer.StateNext, "retired", "listed", "dead", issuer.StateUnused}

func stateRank(state string) int { return slices.Index(auditStates, state) }

const auditWidth = 100

// said is what the audit says of a key, below its row: keys of which the same is said have it said once.
func (r *auditReport) said(k issuer.KeyFact) [3]string { return [3]string{k.Can, k.Cost, r.answer(k)} }

func (r *auditReport) text(w io.Writer) error {
	for _, section := range r.sections() {
		first := section[0]
		title := strings.ToUpper(first.Purpose)
		switch {
		case first.Purpose == issuer.PurposeInsurer:
			title += " " + first.Insurer
		case first.Insurer != "":
			title += " of insurer " + first.Insurer
		}
		if first.Purpose == issuer.PurposeRoot {
			n := 0
			for _, k := range section {
				if k.State == stateInForce {
					n++
				}
			}
			title += fmt.Sprintf("  %d of %d sign a new root", r.rootThreshold, n)
		}
		if _, err := fmt.Fprintln(w, title); err != nil {
			return err
		}
		var rows strings.Builder
		table := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
		for _, k := range section {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", or(k.Name, "-"), k.KID, k.State, k.where(), k.until())
		}
		if err := table.Flush(); err != nil {
			return err
		}
		lines := strings.SplitAfter(rows.String(), "\n")
		for i, k := range section {
			fmt.Fprint(w, lines[i])
			if said := r.said(k.KeyFact); i+1 == len(section) || said != r.said(section[i+1].KeyFact) {
				sayMeaning(w, said)
			}
		}
		fmt.Fprintln(w)
	}
	for _, f := range r.findings {
		level := "warning: "
		if f.Serious {
			level = "SERIOUS: "
		}
		for i, part := range wrapText(f.Text, auditWidth-len(level)) {
			if i > 0 {
				level = strings.Repeat(" ", len(level))
			}
			fmt.Fprintln(w, level+part)
		}
	}
	serious := 0
	for _, f := range r.findings {
		if f.Serious {
			serious++
		}
	}
	_, err := fmt.Fprintf(w, "%s, %s, %d serious, on %s\n", plural(len(r.keys), "key"), plural(len(r.findings), "finding"), serious, r.at.UTC().Format("2006-01-02 15:04 UTC"))
	return err
}

func sayMeaning(w io.Writer, said [3]string) {
	for i, label := range []string{"can", "theft", "then"} {
		for _, part := range wrapText(said[i], auditWidth-9) {
			fmt.Fprintf(w, "  %-5s  %s\n", label, part)
			label = ""
		}
	}
}

// answer is the command that answers a theft; "" of a key that can do nothing. A root has several shares: which one is for the
// person to fill in.
func (r *auditReport) answer(k issuer.KeyFact) string {
	if k.Verb == "" {
		return ""
	}
	text := "sceau keys compromise " + shellWord(r.dir) + " "
	switch k.Purpose {
	case issuer.PurposeRoot:
		return text + "root KID --new-medium PATH --medium … with the other holders"
	case issuer.PurposeSnapshot, issuer.PurposeTimestamp:
		return text + issuer.PurposeOnline
	case issuer.PurposeCard:
		return text + "card " + k.KID
	case issuer.PurposeInsurer, issuer.PurposeStatus, issuer.PurposeList:
		return text + k.Purpose + " --insurer " + k.Insurer
	}
	return text + k.Purpose
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// where is the place of a private key; an offline key that is on no attached medium is elsewhere, as it should be.
func (k keyPlace) where() string {
	switch {
	case k.place != "":
		return "in " + k.place
	case k.State == "retired" || k.State == "dead" || k.State == "listed":
		return "gone"
	}
	return "not attached"
}

// until says how long the key holds, and how many cards it signed.
func (k keyPlace) until() string {
	var all []string
	if !k.From.IsZero() {
		all = append(all, "from "+day(k.From))
	}
	switch {
	case !k.Until.IsZero():
		all = append(all, "until "+day(k.Until))
	case !k.Expires.IsZero():
		all = append(all, "until "+day(k.Expires))
	}
	if k.Purpose == issuer.PurposeCard && k.Cards >= 0 {
		all = append(all, plural(int(k.Cards), "card"))
	}
	return strings.Join(all, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// wrapText breaks a text at spaces into lines of at most width runes; a longer word stands alone.
func wrapText(text string, width int) []string {
	var lines []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		l := len([]rune(word))
		if n > 0 && n+1+l > width {
			lines, line, n = append(lines, line), "", 0
		}
		if n > 0 {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+l
	}
	if n > 0 {
		lines = append(lines, line)
	}
	return lines
}

func (r *auditReport) json(w io.Writer) error {
	type key struct {
		Name    string     `json:"name,omitempty"`
		Purpose string     `json:"purpose"`
		Insurer string     `json:"insurer,omitempty"`
		KID     string     `json:"kid"`
		Where   string     `json:"where,omitempty"`
		State   string     `json:"state"`
		From    *time.Time `json:"from,omitempty"`
		Until   *time.Time `json:"until,omitempty"`
		Expires *time.Time `json:"expires,omitempty"`
		Cards   *int64     `json:"cards,omitempty"`
		Can     string     `json:"can"`
		Cost    string     `json:"theft_costs"`
		Verb    string     `json:"answer,omitempty"`
	}
	type finding struct {
		Code    string `json:"code"`
		Serious bool   `json:"serious"`
		Text    string `json:"text"`
	}
	moment := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	doc := struct {
		Schema        string    `json:"schema"`
		At            time.Time `json:"at"`
		RootThreshold int       `json:"root_threshold"`
		Keys          []key     `json:"keys"`
		Findings      []finding `json:"findings"`
	}{"sceau-keys-1", r.at.UTC(), r.rootThreshold, []key{}, []finding{}}
	for _, section := range r.sections() {
		for _, k := range section {
			out := key{k.Name, k.Purpose, k.Insurer, k.KID, k.place, k.State, moment(k.From), moment(k.Until), moment(k.Expires), nil, k.Can, k.Cost, r.answer(k.KeyFact)}
			if k.Purpose == issuer.PurposeCard && k.Cards >= 0 {
				out.Cards = &k.Cards
			}
			doc.Keys = append(doc.Keys, out)
		}
	}
	for _, f := range r.findings {
		doc.Findings = append(doc.Findings, finding{f.Code, f.Serious, f.Text})
	}
	return json.NewEncoder(w).Encode(doc)
}
