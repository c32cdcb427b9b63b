// Package firsthour is what to do in the first hour after a theft: one page for each thing that can be stolen, to be printed
// beforehand and kept in a drawer, or filled in with what is known. It is pure.
package firsthour

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sceau/card/pdf"
)

// ErrKind says that there is no page of that name: see Kinds.
var ErrKind = errors.New("firsthour: no such page")

// Facts are what is known. A fact that is missing is left for the pen, and its name stands in the commands.
type Facts struct {
	At         time.Time // of the page; required
	Discovered time.Time // when the theft was found out; zero leaves a blank
	Dir        string    // the operator's folder
	Public     string    // the published folder
	Insurer    string    // N° AMC
	KID        string    // of the stolen key
	ID         string    // of the counter or the API key, or the account's name in the audit chain
	Ceremony   string    // that was begun
	Banner     string    // on top of the page, such as EXERCICE
	Alone      bool      // one share signs a root: a stolen one is everything
}

// Notification is how long a controller has to tell the authority of a breach (GDPR, article 33(1), checked 2026-11-22).
const Notification = 72 * time.Hour

// theft is the text of one page. Steps, and the commands in them, may hold the names of facts in braces.
type theft struct {
	kind, title, short string
	fact, label        string // the fact that names what was stolen
	happened           string
	can, cannot        []string
	steps              []step
	notice             string // what counters are told; "" for nothing
	public             string // where to publish, "" for the published folder
	data               reading
	tell               []string // beside those whom data implies
	write              []string
	never              []string
}

type step struct{ text, command, note string }

// reading says whether the theft lets somebody read people.
type reading uint8

const (
	readsNobody reading = iota
	readsSome
	readsAll
)

// Kinds are the names of the pages, those of `sceau keys compromise` first.
func Kinds() []string {
	var out []string
	for _, t := range thefts {
		out = append(out, t.kind)
	}
	return out
}

// Title is the title of a page; "" for an unknown one.
func Title(kind string) string {
	for _, t := range thefts {
		if t.kind == kind {
			return french(t.title)
		}
	}
	return ""
}

// Page is the page of a theft. ErrKind for an unknown one; a fact that the page's type can't print is pdf.ErrGlyph when written.
func Page(kind string, f Facts) (pdf.Paper, error) {
	i := slices.IndexFunc(thefts, func(t theft) bool { return t.kind == kind })
	if i < 0 {
		return pdf.Paper{}, fmt.Errorf("%w: %.24q", ErrKind, kind)
	}
	t := thefts[i]
	if f.Alone && kind == "root" {
		t.happened = rootAlone.happened
		t.can, t.cannot = rootAlone.can, rootAlone.cannot
	}
	p := pdf.Paper{Title: french("La première heure : " + t.title), Subtitle: french(t.short), Reference: french("Sceau, fiche « " + t.kind + " »"), At: f.At,
		Tone: pdf.ToneRefused, OnePage: true, Banner: f.Banner}
	facts := []pdf.Fact{{Label: "Constaté le", Value: blank(moment(f.Discovered))}}
	if t.data != readsNobody {
		until := ""
		if !f.Discovered.IsZero() {
			until = moment(f.Discovered.Add(Notification))
		}
		facts = append(facts, pdf.Fact{Label: "Prévenir la CNIL avant le", Value: blank(until)})
	}
	if t.label != "" {
		v := f.named(t.fact)
		facts = append(facts, pdf.Fact{Label: french(t.label), Value: blank(v), Code: v != ""})
	}
	if f.Ceremony != "" {
		facts = append(facts, pdf.Fact{Label: french("Cérémonie ouverte"), Value: f.Ceremony, Code: true})
	}
	p.Blocks = append(p.Blocks, pdf.Facts(facts...), pdf.Text(french(t.happened)),
		pdf.Pair(pdf.Column{Title: "Ce que le voleur peut faire", Tone: pdf.ToneRefused, Items: all(t.can)},
			pdf.Column{Title: "Ce qu’il ne peut pas faire", Tone: pdf.ToneOpen, Items: all(t.cannot)}),
		pdf.Heading("À faire, dans cet ordre"))
	var steps []pdf.Step
	for _, s := range t.every() {
		steps = append(steps, pdf.Step{Text: french(f.fill(s.text)), Command: f.fill(s.command), Note: french(f.fill(s.note))})
	}
	p.Blocks = append(p.Blocks, pdf.Steps(steps...), pdf.Heading("À prévenir"), pdf.List(all(t.told())...),
		pdf.Pair(pdf.Column{Title: "À noter, avec l’heure", Items: all(append(t.write, "Qui a constaté, qui a décidé, qui a tapé chaque commande, et ce qu’elle a affiché."))},
			pdf.Column{Title: "À ne pas faire", Tone: pdf.ToneReserve, Items: all(append(t.never, always...))}))
	return p, nil
}

// rootAlone is what the page of a share says where one share signs a root.
var rootAlone = theft{
	happened: "Cette racine se signe avec une seule part : le voleur a pu en signer une autre, que les comptoirs suivraient. Remplacez la part, puis vérifiez l’empreinte et les clés que chaque comptoir suit.",
	can:      []string{"Seul, avec la phrase de passe du support : remplacer toutes les clés, nommer des organismes, fabriquer des cartes que les comptoirs acceptent."},
	cannot:   []string{"Atteindre un comptoir qui ne lit que votre publication, tant que vos serveurs sont à vous.", "Lire une personne."},
}

// always is what nobody must do, whatever was stolen.
var always = []string{"Ne débranchez pas les listes publiées : c’est par elles que les comptoirs refusent le faux et acceptent le vrai.",
	"N’effacez rien, ne réinstallez rien avant la copie du disque et du registre."}

// every is the page's own steps and what follows from them.
func (t theft) every() []step {
	steps := slices.Clone(t.steps)
	if t.notice != "" {
		steps = append(steps, step{"Dire aux comptoirs ce qui se passe, par un message signé, puis publier.",
			"sceau notice add {dir} --kind theft --title \"" + strings.ToUpper(t.title[:1]) + t.title[1:] + "\" --text \"" + t.notice + "\" --guaranteed \"" + guaranteed + "\" --phone TÉLÉPHONE --until AAAA-MM-JJ", ""})
		public := t.public
		if public == "" {
			public = "{public}"
		}
		steps = append(steps, step{"", "sceau publish {dir} --to " + public, ""})
	}
	out := steps[:0]
	for _, s := range steps {
		if s.text == "" { // a second command of the step before
			out[len(out)-1].command += " && " + s.command
			continue
		}
		out = append(out, s)
	}
	return out
}

const guaranteed = "Une carte acceptée avec une liste à jour est payée."

// told are those who must know.
func (t theft) told() []string {
	out := []string{"Le délégué à la protection des données (DPO), tout de suite, par téléphone."}
	switch t.data {
	case readsNobody:
		out = append(out, "La CNIL : cette clé ne donne à lire aucune personne. Inscrivez l’incident au registre des violations (art. 33.5 du RGPD) ; le DPO décide s’il faut notifier.")
	case readsSome:
		out = append(out, "La CNIL dans les 72 heures après le constat (art. 33 du RGPD), avec rapport.pdf, même incomplet : on complète ensuite.",
			"Les personnes concernées, si le risque pour elles est élevé (art. 34 du RGPD) : les lettres sont prêtes dans le dossier.")
	case readsAll:
		out = append(out, "La CNIL dans les 72 heures après le constat (art. 33 du RGPD), même sans tout savoir : on complète ensuite.",
			"Tous les assurés (art. 34 du RGPD), si leurs données ont pu être lues : le risque est élevé, la lettre est due sans attendre.")
	}
	out = append(out, t.tell...)
	return append(out, "La gendarmerie ou la police : une plainte dans les 72 heures est aussi la condition de l’assurance (art. L. 12-10-1 du code des assurances).")
}

func (f Facts) named(fact string) string {
	switch fact {
	case "kid":
		return f.KID
	case "id":
		return f.ID
	case "insurer":
		return f.Insurer
	}
	return ""
}

// fill puts the facts into a command, quoted for a shell.
func (f Facts) fill(command string) string {
	return strings.NewReplacer("{dir}", word(f.Dir, "DIR"), "{public}", word(f.Public, "PUBLIC"), "{kid}", word(f.KID, "KID"), "{id}", word(f.ID, "ID"), "{insurer}", word(f.Insurer, "N_AMC"),
		"{discovered}", word(stamp(f.Discovered), "AAAA-MM-JJTHH:MM")).Replace(command)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02T15:04")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`)

func word(s, missing string) string {
	switch {
	case s == "":
		return missing
	case plainWord.MatchString(s):
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return pdf.FrenchMoment(t)
}

// blank is a place for the pen where a value is missing.
func blank(s string) string {
	if s == "" {
		return strings.Repeat(".", 60)
	}
	return s
}

// french sets the no-break spaces of French typography.
func french(s string) string {
	return strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " !", "\u00a0!", " ?", "\u00a0?", "« ", "«\u00a0", " »", "\u00a0»", "72 heures", "72\u00a0heures", "art. ", "art.\u00a0", "L. 12", "L.\u00a012", "N° ", "N°\u00a0").Replace(s)
}

func all(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, french(s))
	}
	return out
}
