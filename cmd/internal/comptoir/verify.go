// verify: what was scanned, in; the verdict, its words and its exit code, out.

package comptoir

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sceau/card"
	"sceau/card/status"
	"sceau/cmd/internal/clock"
	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/offline/scan"
	"sceau/rights"
)

const verifyLong = `Vérifie les codes lus par la douchette (un par ligne), un fichier, ou l’entrée standard.
Une frappe abîmée par la disposition du clavier ou par Verr. Maj. est réparée ; la signature juge.

    $ comptoir verify ./counter --domain PHAR --on 2027-03-02 < scan.txt
    ✓ DROITS OUVERTS
      Carte authentique. Tiers payant possible : Pharmacie (PHAR) 100% de la base de remboursement, Sécurité sociale incluse.
      carte 3-583021 de Mutuelle Exemple, soins du 02/03/2027
      liste 3, révision 2, du 02/03/2027 à 08:00 (il y a 2 heures), vérifiée hors ligne
      …

Avec --json, un objet par code et par ligne : status (valid, reserve, refused, unknown), reason (code stable),
card, list (revision, age en secondes), people, payment, words. Les codes ne changent pas, les mots peuvent changer.`

type verifyFlags struct {
	json   bool
	domain string
	on     string
	person int
	lang   string
}

func newVerify() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify DOSSIER [FICHIER|-]",
		Short: "Dit si les droits d’une carte sont ouverts",
		Long:  verifyLong,
		Args:  ui.Args(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, args []string) error {
			return runVerify(c, args, f)
		},
	}
	c.Flags().BoolVar(&f.json, "json", false, "un objet JSON par code")
	c.Flags().StringVar(&f.domain, "domain", "", "domaine de soins, par exemple PHAR ; sans lui, la carte seule est jugée")
	c.Flags().StringVar(&f.on, "on", "", "date des soins, AAAA-MM-JJ ou JJ/MM/AAAA ; aujourd’hui par défaut")
	c.Flags().IntVar(&f.person, "beneficiary", 0, "numéro du bénéficiaire sur la carte (1 à 12) ; tous par défaut")
	c.Flags().StringVar(&f.lang, "lang", "fr", "langue des mots : fr ou en")
	return c
}

func runVerify(c *cobra.Command, args []string, f verifyFlags) error {
	query, err := f.query()
	if err != nil {
		return err
	}
	input, closeInput, err := openInput(c.InOrStdin(), args[1:])
	if err != nil {
		return err
	}
	defer closeInput()
	facts, release, err := openFacts(c.Context(), args[0])
	if err != nil {
		return err
	}
	defer release()
	if err := knownDomain(facts, query); err != nil {
		return err
	}
	if in, ok := input.(*os.File); ok && ui.IsTerminal(in) && !f.json {
		fmt.Fprintln(c.ErrOrStderr(), "scanner une carte (Ctrl+D pour finir) :")
	}
	worst, n := 0, 0
	answer := func(typed string) error {
		n++
		code, repair, err := scan.Undo(typed)
		if err != nil {
			code = strings.TrimSpace(typed)
		}
		q := query
		q.Text = code
		v := offline.Check(facts, q)
		worst = graver(worst, exitCode(v.Status))
		if f.json {
			return writeJSON(c.OutOrStdout(), v, repair, offline.Language(f.lang))
		}
		return writeText(c.OutOrStdout(), v, repair, offline.Language(f.lang))
	}
	// A scan is answered as soon as its line ends: the next one may come in an hour.
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	lines.Split(scanLines)
	for lines.Scan() {
		for _, typed := range scan.Split(lines.Text()) {
			if err := answer(typed); err != nil {
				return notVerified(err)
			}
		}
	}
	err = lines.Err()
	if err == nil && n == 0 {
		err = answer("") // nothing read is an unreadable code, and scripts always get an answer
	}
	if err != nil {
		return notVerified(fmt.Errorf("lecture des codes : %w", err))
	}
	return ui.Exit(worst)
}

// notVerified is a failure that says nothing about any card: never exit code 1, which is a refusal.
func notVerified(err error) error { return ui.WithCode(err, exitUnknown) }

const exitUnknown = 4

// scanLines ends a line at LF or at CR: a scanner sends either.
func scanLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// openFacts opens the counter. A folder that is not there is a mistake on the command line; one that can't be believed
// still gives an answer for each code: not verified.
func openFacts(ctx context.Context, dir string) (facts, func(), error) {
	m, err := mirror.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, ui.WithHint(ui.Usage("aucun comptoir dans %s", dir), "comptoir sync %s --from ADRESSE", dir)
	}
	if err != nil && !mirror.IsDamaged(err) {
		return nil, nil, notVerified(inFrench(dir, err))
	}
	if err != nil {
		return noFacts{err}, func() {}, nil
	}
	v, err := m.View(ctx)
	if err != nil {
		m.Close()
		return noFacts{err}, func() {}, nil
	}
	return v, func() { v.Close(); m.Close() }, nil
}

// facts are what verify needs of a view.
type facts interface {
	offline.Facts
	Codes() []*rights.Codes
}

// noFacts stands for a folder that can't be believed.
type noFacts struct{ error }

func (n noFacts) Issuer(string) (*offline.Issuer, error)    { return nil, n.error }
func (n noFacts) Page(string, uint32) (*status.Page, error) { return nil, n.error }
func (n noFacts) OwnerOf(string) (string, error)            { return "", n.error }
func (n noFacts) Codes() []*rights.Codes                    { return []*rights.Codes{rights.DefaultCodes()} }

func (f verifyFlags) query() (offline.Query, error) {
	q := offline.Query{Domain: strings.ToUpper(strings.TrimSpace(f.domain)), Person: f.person, Now: clock.Now()}
	if f.lang != "fr" && f.lang != "en" {
		return q, ui.Usage("--lang %q : fr ou en", f.lang)
	}
	if f.person < 0 || f.person > card.MaxPeople {
		return q, ui.Usage("--beneficiary %d : un numéro de 1 à %d", f.person, card.MaxPeople)
	}
	if f.on == "" {
		return q, nil
	}
	d, err := rights.ParseDate(f.on)
	if err != nil && len(f.on) == 10 && f.on[2] == '/' && f.on[5] == '/' {
		d, err = rights.ParseDate(f.on[6:] + "-" + f.on[3:5] + "-" + f.on[:2])
	}
	if err != nil {
		return q, ui.WithHint(ui.Usage("--on %q n’est pas une date", f.on), "--on 2027-03-02 ou --on 02/03/2027")
	}
	q.Care = d
	return q, nil
}

// knownDomain refuses a code that no table has, of the program or of an operator, and that could only be a typing mistake.
func knownDomain(f facts, q offline.Query) error {
	if q.Domain == "" {
		return nil
	}
	day := q.Care
	if day == 0 {
		day = rights.DateAt(q.Now)
	}
	known := map[string]bool{}
	for _, codes := range f.Codes() {
		for _, d := range codes.Domains(day) {
			known[d.Code] = true
		}
	}
	if known[q.Domain] {
		return nil
	}
	return ui.WithHint(ui.Usage("--domain %q : domaine inconnu", q.Domain), "domaines : %s", strings.Join(slices.Sorted(maps.Keys(known)), " "))
}

// maxLine bounds one line of input, many times the longest scan.
const maxLine = 1 << 20

func openInput(stdin io.Reader, files []string) (io.Reader, func(), error) {
	if len(files) == 0 || files[0] == "-" {
		return stdin, func() {}, nil
	}
	f, err := os.Open(files[0])
	if err != nil {
		return nil, nil, ui.WithHint(ui.Usage("fichier de codes illisible : %v", err), "donner un fichier de codes, ou - pour l’entrée standard")
	}
	return f, func() { f.Close() }, nil
}

func exitCode(s offline.Status) int {
	switch s {
	case offline.Valid:
		return 0
	case offline.Refused:
		return 1
	case offline.Reserve:
		return 3
	}
	return 4
}

// graver orders exit codes: a refusal outweighs an unknown, which outweighs a reserve.
func graver(a, b int) int {
	rank := map[int]int{0: 0, 3: 1, 4: 2, 1: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// answer is the JSON of a verdict; its member names are part of the program's contract.
type answer struct {
	Schema  string         `json:"schema"`
	Status  offline.Status `json:"status"`
	Reason  offline.Reason `json:"reason"`
	Detail  string         `json:"detail,omitempty"`
	Card    *string        `json:"card"` // null when the card is not authentic
	AMC     string         `json:"amc,omitempty"`
	Insurer string         `json:"insurer,omitempty"`
	KID     string         `json:"kid,omitempty"`
	Care    string         `json:"care"`
	Domain  string         `json:"domain,omitempty"`
	Person  int            `json:"beneficiary,omitempty"` // as asked
	Since   string         `json:"since,omitempty"`
	Mode    string         `json:"mode"`
	List    *listAnswer    `json:"list"` // null when no list was consulted
	People  []personAnswer `json:"people,omitempty"`
	Payment *payAnswer     `json:"payment,omitempty"`
	Words   wordsAnswer    `json:"words"`
	Repair  string         `json:"repair,omitempty"` // what was undone of the scanner's typing, in French
}

type listAnswer struct {
	List      uint32 `json:"list"`
	Revision  uint64 `json:"revision"`
	Published string `json:"published"` // RFC 3339
	Age       int64  `json:"age"`       // seconds
}

type personAnswer struct {
	Number  int    `json:"number"`
	Nom     string `json:"nom"`
	Prenom  string `json:"prenom"`
	Birth   string `json:"birth"` // AAAAMMJJ
	Rang    int    `json:"rang"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Covered bool   `json:"covered"`
	Value   string `json:"value,omitempty"`
}

type payAnswer struct {
	Until string `json:"until"` // RFC 3339
	Euros int    `json:"euros"` // 0: no ceiling
}

type wordsAnswer struct {
	Headline string `json:"headline"`
	Meaning  string `json:"meaning"`
	Next     string `json:"next"`
}

func writeJSON(w io.Writer, v offline.Verdict, r scan.Repair, lang offline.Language) error {
	words := v.Words(lang)
	a := answer{Schema: "sceau-verdict-1", Status: v.Status, Reason: v.Reason, Detail: v.Detail, Care: v.Care.String(),
		Domain: v.Domain, Person: v.Person, Since: v.Since.String(), Mode: "offline", Words: wordsAnswer(words), Repair: r.Advice()}
	if v.Card != nil {
		claims := v.Card.Claims()
		place := v.Card.Place().String()
		a.Card, a.AMC, a.Insurer, a.KID = &place, string(claims.Issuer), v.Issuer.Insurer.Name, v.Card.KID()
	}
	if l := v.List; l != nil {
		a.List = &listAnswer{l.List, l.Revision, l.Published.UTC().Format(rfc3339), int64(l.Age.Seconds())}
	}
	for _, p := range v.People {
		pa := personAnswer{Number: p.Number, Nom: p.Person.Nom, Prenom: p.Person.Prenom, Birth: string(p.Person.Birth),
			Rang: p.Person.Rang, From: p.Person.From.String(), To: p.Person.To.String(), Covered: p.Covered}
		if v.Domain != "" {
			pa.Value = p.Value.String()
		}
		a.People = append(a.People, pa)
	}
	if v.Pay != nil {
		a.Payment = &payAnswer{v.Pay.Until.UTC().Format(rfc3339), v.Pay.Euros}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(a)
}

const rfc3339 = "2006-01-02T15:04:05Z07:00"

var marks = map[offline.Status]string{offline.Valid: "✓", offline.Reserve: "!", offline.Refused: "✗", offline.Unknown: "?"}

// colours are ANSI: bold white on green, black on yellow, white on red, and inverse. The mark and the words say the same.
var colours = map[offline.Status]string{offline.Valid: "1;97;42", offline.Reserve: "1;30;43", offline.Refused: "1;97;41", offline.Unknown: "1;7"}

func writeText(w io.Writer, v offline.Verdict, r scan.Repair, lang offline.Language) error {
	words := v.Words(lang)
	say := labels[lang]
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	fmt.Fprintln(&b, ui.Colour(w, colours[v.Status], marks[v.Status]+" "+words.Headline))
	line("%s", words.Meaning)
	if v.Card != nil {
		line(say.card, v.Card.Place(), v.Issuer.Insurer.Name, v.Care.French())
		line("%s", say.compare)
		for _, p := range v.People {
			if v.Person == 0 || v.Person == p.Number {
				line("  %d  %s", p.Number, say.describe(p, v.Domain))
			}
		}
	}
	if l := v.List; l != nil {
		line(say.list, l.List, l.Revision, instant(l.Published), v.Age(lang))
	}
	if v.Pay != nil {
		line(say.payable, instant(v.Pay.Until))
		if v.Pay.Euros > 0 {
			line(say.ceiling, v.Pay.Euros)
		}
	}
	line(say.todo, words.Next)
	if advice := r.Advice(); advice != "" {
		line(say.repaired, advice)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
