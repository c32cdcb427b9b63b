// The letter of one person (GDPR, article 34): what happened, which data of theirs, what it can be used for, what to do, whom
// to call.

package main

import (
	"strings"
	"time"

	"sceau/card/issuer"
	"sceau/card/pdf"
)

// exposureLetter is one letter, as lettres.ndjson has it.
type exposureLetter struct {
	Schema    string   `json:"schema"` // sceau-letter-1
	Reference string   `json:"reference"`
	Insurer   string   `json:"organisme"`
	Adherent  string   `json:"adherent"` // by which the mailing house's customer finds the address
	Nom       string   `json:"nom"`      // of the person whom it is about
	Prenom    string   `json:"prenom"`
	Minor     bool     `json:"mineur"`
	To        string   `json:"destinataire"`
	Data      []string `json:"donnees"`
	Read      bool     `json:"lecture_enregistree"`
	Text      string   `json:"texte"`
}

// letterFacts are the same in all letters of an exposure.
type letterFacts struct {
	kind       issuer.ExposureKind
	at         time.Time
	discovered time.Time
	contact    string
	measures   []string
	found      *issuer.Exposure // what is known before the first letter
}

// dataNames say in French what was within reach, in the order of weight.
var dataNames = []struct {
	data issuer.Data
	word string // in tables
	text string // in letters and the report
}{
	{issuer.DataFile, "contrat", "le contrat : nom, prénom, date de naissance, numéro de sécurité sociale (NIR), numéro d’adhérent, garanties et période de droits"},
	{issuer.DataCard, "carte", "la carte de tiers payant : nom, prénom, date de naissance, numéro d’adhérent, garanties et période de droits"},
	{issuer.DataRights, "droits", "les droits de la carte, demandés par un professionnel de santé : domaines de soins couverts, jour et lieu de la demande, sans nom"},
	{issuer.DataVisit, "passage", "le passage de la carte chez un professionnel de santé : numéro de la carte, jour, domaine de soins, réponse donnée, sans nom"},
	{issuer.DataReport, "relevé", "des relevés de vérifications : numéro de la carte, professionnels qui l’ont vue, dates, sans nom"},
	{issuer.DataState, "état", "l’état de la carte : numéro, dates, carte valable ou non, sans nom"},
	{issuer.DataChange, "changement", "l’état de la carte, qui a été changé : elle a pu être suspendue, révoquée ou rétablie"},
}

// dataList names kinds of data for a table.
func dataList(d issuer.Data) string {
	var out []string
	for _, n := range dataNames {
		if d&n.data != 0 {
			out = append(out, n.word)
		}
	}
	return strings.Join(out, ", ")
}

// stolenWords say what was stolen, for people who know nothing of it.
var stolenWords = map[issuer.ExposureKind]string{
	issuer.ExposeFINESS:   "l’accès informatique d’un professionnel de santé à notre service de vérification des droits",
	issuer.ExposeCounter:  "l’accès informatique d’un professionnel de santé à notre service de vérification des droits",
	issuer.ExposeDevice:   "l’ordinateur d’un professionnel de santé, relié à notre service de vérification des droits,",
	issuer.ExposeKey:      "l’accès informatique d’un professionnel de santé à notre service de vérification des droits",
	issuer.ExposeAPIKey:   "l’accès d’un logiciel de gestion à notre service de vérification des droits",
	issuer.ExposeOperator: "l’accès d’un compte de gestion à notre service de vérification des droits",
	issuer.ExposeRegister: "une copie de notre registre des droits",
}

// letterOf writes the letter of one person.
func (f letterFacts) letterOf(p issuer.Exposed, reference string, minor bool) exposureLetter {
	who := p.Prenom + " " + p.Nom
	to := who
	if minor {
		to = "Aux représentants légaux de " + who
		if p.HolderNom != "" {
			to = p.HolderPrenom + " " + p.HolderNom
		}
	}
	l := exposureLetter{Schema: "sceau-letter-1", Reference: reference, Insurer: p.InsurerName, Adherent: p.Adherent, Nom: p.Nom, Prenom: p.Prenom, Minor: minor, To: to,
		Data: []string{}, Read: p.Read != 0}
	for _, n := range dataNames {
		if p.Told&n.data != 0 {
			l.Data = append(l.Data, n.word)
		}
	}
	l.Text = f.text(p, l, who, p.Told)
	return l
}

func (f letterFacts) text(p issuer.Exposed, l exposureLetter, who string, data issuer.Data) string {
	var b strings.Builder
	say := func(lines ...string) {
		for _, s := range lines {
			b.WriteString(french(s) + "\n")
		}
	}
	say(p.InsurerName, "", l.To, "N° d’adhérent : "+p.Adherent, "", "Le "+pdf.FrenchDay(f.at), "", "Référence : "+l.Reference,
		"Objet : information sur une violation de données personnelles (article 34 du RGPD)", "", "Madame, Monsieur,", "")
	about, name, named, owned, identity := "vos données", "à votre nom", "votre nom", "votre carte", "votre identité"
	if l.Minor {
		about, name, named, owned, identity = "les données de "+who, "au nom de cet enfant", "le nom de cet enfant", "la carte de cet enfant", "l’identité de cet enfant"
		why := "Cette lettre concerne " + who + ", qui n’a pas 18 ans : nous l’adressons à ses représentants légaux."
		if p.HolderNom != "" {
			why = "Cette lettre concerne " + who + ", qui n’a pas 18 ans. Nous vous l’adressons, pour ses représentants légaux, en tant que premier adulte du contrat. Si vous n’en êtes pas, remettez-la-leur."
		}
		say(why, "")
	}
	say("CE QUI S’EST PASSÉ", f.happened(p, about))
	if p.Unsure {
		say("Le contrat a changé depuis cette consultation : nous vous écrivons par prudence.")
	}
	say("", "LES DONNÉES CONCERNÉES")
	items := func(d issuer.Data) {
		for _, n := range dataNames {
			if d&n.data != 0 {
				say("- " + n.text + ".")
			}
		}
	}
	if sure, more := data&p.Read, data&^p.Read; sure != 0 && more != 0 {
		say("Consultées :")
		items(sure)
		say("Qui ont pu être consultées aussi, sans que nous puissions le savoir :")
		items(more)
	} else {
		items(data)
	}
	say("Aucun numéro de carte bancaire, aucun mot de passe et aucun détail d’une ordonnance n’y figurent.", "", "CE QU’ON PEUT EN FAIRE")
	switch {
	case data&issuer.DataFile != 0:
		say("Avec ces données, quelqu’un peut se faire passer pour votre organisme, pour l’Assurance maladie ou pour une banque, et vous écrire ou vous appeler avec des détails exacts. Il peut aussi tenter d’ouvrir un compte ou un dossier " + name + ".")
	case data&issuer.DataCard != 0:
		say("Avec ces données, quelqu’un peut se faire passer pour votre organisme et vous écrire ou vous appeler avec des détails exacts. Il peut aussi tenter de présenter une copie de la carte.")
	default:
		say("Ces données ne portent pas " + named + ". Quelqu’un qui connaît déjà le numéro de " + owned + " pourrait savoir qu’elle a été présentée chez un professionnel de santé, quel jour, et si les droits sont ouverts.")
	}
	say("", "CE QUE NOUS AVONS FAIT")
	say(f.done()...)
	say("", "CE QUE NOUS VOUS CONSEILLONS",
		"- Méfiez-vous de tout appel, message ou courriel qui vous presse d’agir, même s’il cite des détails exacts. Nous ne demandons jamais un mot de passe, un code reçu par SMS ou un numéro de carte bancaire.",
		"- Dans le doute, raccrochez et appelez vous-même le numéro qui figure sur "+owned+".",
		"- Regardez les derniers remboursements, et signalez-nous ceux que vous ne reconnaissez pas.")
	if data&issuer.DataFile != 0 {
		say("- Si quelqu’un a utilisé " + identity + ", déposez plainte à la gendarmerie ou au commissariat, et prévenez votre banque.")
	}
	if data&issuer.DataChange != 0 {
		say("- Si un professionnel de santé refuse " + owned + ", appelez-nous : nous la rétablirons.")
	} else {
		say("- " + strings.ToUpper(owned[:1]) + owned[1:] + " reste valable : vous n’avez rien à renouveler.")
	}
	say("", "QUI APPELER")
	if p.Phone != "" {
		say("Votre organisme : " + p.Phone + ".")
	}
	if f.contact != "" {
		say("Pour toute question sur ces données : " + f.contact + ".")
	}
	say("Citez la référence ci-dessus. Vous pouvez aussi adresser une réclamation à la CNIL, 3 place de Fontenoy, TSA 80715, 75334 Paris cedex 07.",
		"", "Nous vous présentons nos excuses, et vous prions d’agréer, Madame, Monsieur, nos salutations distinguées.", "", p.InsurerName)
	return b.String()
}

var frenchSpaces = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " !", "\u00a0!", " ?", "\u00a0?", "« ", "«\u00a0", " »", "\u00a0»", "N° ", "N°\u00a0", "n° ", "n°\u00a0", "72 h", "72\u00a0h")

// french sets no-break spaces.
func french(s string) string { return frenchSpaces.Replace(s) }
