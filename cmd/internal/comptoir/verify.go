// verify: what was scanned, in; the verdict, its words and its exit code, out.

package comptoir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

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

// maxInput bounds what verify reads: 1,000 of the longest codes.
const maxInput = 8 << 20

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
	m, err := mirror.Open(args[0])
	if errors.Is(err, os.ErrNotExist) {
		return ui.WithHint(ui.Usage("aucun comptoir dans %s", args[0]), "comptoir sync %s --from ADRESSE", args[0])
	}
	if err != nil {
		return err
	}
	defer m.Close()
	if err := knownDomain(m, query); err != nil {
		return err
	}
	input, err := readInput(c.InOrStdin(), args[1:])
	if err != nil {
		return err
	}
	scans := scan.Split(input)
	if len(scans) == 0 {
		scans = []string{""} // nothing read is an unreadable code, and scripts always get an answer
	}
	out := c.OutOrStdout()
	worst := 0
	for _, typed := range scans {
		code, repair, err := scan.Undo(typed)
		if err != nil {
			code = strings.TrimSpace(typed)
		}
		q := query
		q.Text = code
		v := offline.Check(m, q)
		if f.json {
			err = writeJSON(out, v, repair, offline.Language(f.lang))
		} else {
			err = writeText(out, v, repair, offline.Language(f.lang))
		}
		if err != nil {
			return err
		}
		worst = graver(worst, exitCode(v.Status))
	}
	return ui.Exit(worst)
}

func (f verifyFlags) query() (offline.Query, error) {
	q := offline.Query{Domain: strings.ToUpper(strings.TrimSpace(f.domain)), Person: f.person, Now: clock.Now()}
	if f.lang != "fr" && f.lang != "en" {
		return q, ui.Usage("--lang %q : fr ou en", f.lang)
	}
	if f.person < 0 {
		return q, ui.Usage("--beneficiary %d : un numéro de 1 à 12", f.person)
	}
	if f.on == "" {
		return q, nil
	}
	d, err := rights.ParseDate(f.on)
	if err != nil && len(f.on) == 10 {
		d, err = rights.ParseDate(f.on[6:] + "-" + f.on[3:5] + "-" + f.on[:2])
	}
	if err != nil {
		return q, ui.WithHint(ui.Usage("--on %q n’est pas une date", f.on), "--on 2027-03-02 ou --on 02/03/2027")
	}
	q.Care = d
	return q, nil
}

// knownDomain refuses a code that no table has and that could only be a typing mistake.
func knownDomain(m *mirror.Mirror, q offline.Query) error {
	if q.Domain == "" {
		return nil
	}
	day := q.Care
	if day == 0 {
		day = rights.DateAt(q.Now)
	}
	codes := m.Codes()
	if _, ok := codes.Domain(q.Domain, day); ok {
		return nil
	}
	var known []string
	for _, d := range codes.Domains(day) {
		known = append(known, d.Code)
	}
	return ui.WithHint(ui.Usage("--domain %q : domaine inconnu", q.Domain), "domaines : %s", strings.Join(known, " "))
}

func readInput(stdin io.Reader, files []string) (string, error) {
	r := stdin
	if len(files) == 1 && files[0] != "-" {
		f, err := os.Open(files[0])
		if err != nil {
			return "", ui.WithHint(ui.Usage("%v", err), "donner un fichier de codes, ou - pour l’entrée standard")
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("lecture des codes : %w", err)
	}
	if len(b) > maxInput {
		return "", ui.Usage("plus de %d octets à vérifier : couper le fichier", maxInput)
	}
	return string(b), nil
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
		Domain: v.Domain, Since: v.Since.String(), Mode: "offline", Words: wordsAnswer(words), Repair: r.Advice()}
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
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	fmt.Fprintln(&b, ui.Colour(w, colours[v.Status], marks[v.Status]+" "+words.Headline))
	line("%s", words.Meaning)
	if v.Card != nil {
		line("carte %s de %s, soins du %s", v.Card.Place(), v.Issuer.Insurer.Name, v.Care.French())
		line("à comparer avec la carte Vitale ou une pièce d’identité :")
		for _, p := range v.People {
			line("  %d  %s", p.Number, describe(p, v.Domain))
		}
	}
	if l := v.List; l != nil {
		line("liste %d, révision %d, du %s (il y a %s), vérifiée hors ligne", l.List, l.Revision, instant(l.Published), v.Age(lang))
	}
	if v.Pay != nil && v.Status != offline.Refused {
		line("payable avec cette liste jusqu’au %s%s", instant(v.Pay.Until), ceiling(v.Pay.Euros))
	}
	line("à faire : %s", words.Next)
	if advice := r.Advice(); advice != "" {
		line("lecture réparée : %s", advice)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func describe(p offline.Person, domain string) string {
	s := fmt.Sprintf("%s %s, né(e) le %s", p.Person.Nom, p.Person.Prenom, p.Person.Birth.French())
	if p.Person.Rang > 1 {
		s += fmt.Sprintf(", rang %d", p.Person.Rang)
	}
	switch {
	case domain != "" && p.Covered:
		s += " : " + domain + " " + p.Value.String()
	case domain != "":
		s += " : " + domain + " non couvert à cette date"
	case !p.Covered:
		s += " : non couvert(e) à cette date"
	}
	return s
}

func ceiling(euros int) string {
	if euros == 0 {
		return ""
	}
	return fmt.Sprintf(", part complémentaire jusqu’à %d €", euros)
}
