// The sentences of the report of an exposure.

package main

import (
	"fmt"
	"maps"
	"slices"

	"sceau/card/issuer"
	"sceau/card/pdf"
)

// nature says what happened and what the stolen thing gives access to.
func (r *exposureReport) nature() []string {
	var out []string
	switch r.Kind {
	case issuer.ExposeFINESS, issuer.ExposeCounter, issuer.ExposeDevice:
		out = append(out, "Perte de confidentialité. L’accès d’un professionnel de santé au service de vérification des droits a été volé. On interroge ce service en présentant une carte : aucune question ne nomme une personne, et aucune liste ne se parcourt. Ce qui a pu être lu avec cet accès est donc ce qui lui a été présenté, et rien d’autre.",
			"Les réponses ne portent ni nom, ni date de naissance, ni NIR : elles donnent, pour les personnes de la carte désignées par leur rang, les droits par domaine de soins. Les questions refusées n’ont rien fait lire.")
	case issuer.ExposeAPIKey, issuer.ExposeOperator:
		out = append(out, "Perte de confidentialité. Un accès de gestion a été volé. Selon ses rôles, il lit des contrats, des cartes ou des relevés, pour un organisme. Chaque lecture est inscrite au journal avant que la réponse ne parte.")
	case issuer.ExposeRegister:
		out = append(out, "Perte de confidentialité. Le registre, ou une sauvegarde, est sorti avec ce qui permet de l’ouvrir. Il contient toutes les personnes assurées, avec leur NIR.")
	case issuer.ExposeKey:
		if r.Purpose != "" {
			out = append(out, "Une clé de signature ("+r.Purpose+") a été volée. Elle signe et ne déchiffre rien : avec elle, aucune personne n’a pu être lue. Il n’y a pas de violation de confidentialité de ce fait ; l’atteinte porte sur l’authenticité, et ses suites sont dans le procès-verbal de la clé.")
		} else {
			out = append(out, "Perte de confidentialité. La clé d’un poste de professionnel a été volée. On interroge le service en présentant une carte : ce qui a pu être lu est ce qui a été présenté à ce poste, et rien d’autre.")
		}
	}
	if r.Untraced {
		out = append(out, "Cet accès lit le registre sans passer par le service : ce qu’il a lu ne laisse pas de trace. Toutes les personnes à portée sont donc considérées comme lues.")
	}
	return out
}

// counts is the table of people and records.
func (r *exposureReport) counts() pdf.Block {
	n := func(v int64) string { return fmt.Sprint(v) }
	t := pdf.Table([]string{"Personnes et enregistrements", "Nombre"})
	row := func(label string, v int64, always bool) {
		if v != 0 || always {
			t.Rows = append(t.Rows, []string{french(label), n(v)})
		}
	}
	if !r.Untraced {
		row("Personnes dont une lecture est enregistrée", r.Read, true)
	}
	row("Personnes à portée (lues comprises)", r.Could, true)
	row("Personnes informées par lettre", r.letters, true)
	row("dont mineures", r.Minors, false)
	row("dont peut-être absentes du contrat au moment de la lecture", r.Unsure, false)
	row("Contrats de ces personnes", r.Contracts, true)
	row("Cartes dans les traces", r.Cards, false)
	row("Réponses en ligne au sujet d’une carte", r.Checks, false)
	row("Questions refusées, qui n’ont rien fait lire", r.Refused, false)
	row("Lignes de journaux de postes", r.Receipts, false)
	row("Lectures par un accès de gestion", r.StaffReads, false)
	row("Recherches restées vaines", r.StaffMisses, false)
	row("Changements d’état de cartes", r.Changes, false)
	row("Lectures et changements à partir du constat", r.Late, !r.discovered.IsZero())
	row("Relevés anciens dont le journal ne nomme pas les cartes", r.Unnamed, false)
	row("Cartes des traces inconnues du registre", r.UnknownCards, false)
	row("Contrats du journal inconnus du registre", r.UnknownFiles, false)
	words := map[string]string{}
	for _, d := range dataNames {
		words[d.data.Words()[0]] = d.text
	}
	for _, k := range slices.Sorted(maps.Keys(r.ByData)) {
		row("Informées pour "+words[k], r.ByData[k], false)
	}
	for _, k := range slices.Sorted(maps.Keys(r.ByInsurer)) {
		row("Informées, organisme "+k, r.ByInsurer[k], false)
	}
	t.Shares = []float64{7, 1}
	return t
}

func (r *exposureReport) consequences() []string {
	var out []string
	say := func(s string) { out = append(out, french(s)) }
	has := func(d issuer.Data) bool { return r.ByData[d.Words()[0]] > 0 }
	if has(issuer.DataFile) {
		say("Usurpation d’identité et hameçonnage ciblé : nom, date de naissance et NIR sont ensemble. Risque élevé.")
	}
	if has(issuer.DataCard) {
		say("Hameçonnage ciblé et présentation d’une copie de carte : nom, date de naissance et garanties. Risque à apprécier, élevé pour les personnes vulnérables.")
	}
	if has(issuer.DataRights) || has(issuer.DataVisit) || has(issuer.DataReport) {
		say("Connaissance d’un passage chez un professionnel de santé (jour, domaine), par un numéro de carte. Donnée qui touche à la santé ; sans nom, le risque dépend de ce que le voleur sait déjà.")
	}
	if has(issuer.DataState) {
		say("Connaissance de l’état d’une carte, sans nom. Risque faible.")
	}
	if has(issuer.DataChange) {
		say("Refus d’une bonne carte au comptoir, si elle a été suspendue ou révoquée à tort : perte de disponibilité, à réparer au plus vite.")
	}
	if len(out) == 0 {
		say("Aucune pour la confidentialité : personne n’a été lu.")
	}
	return out
}

func (r *exposureReport) taken() []string {
	var out []string
	say := func(s string) { out = append(out, french(s)) }
	open := 0
	for _, l := range r.Credentials {
		switch {
		case l.State == "revoked" || l.State == "ended":
			say("Accès " + l.ID + " fermé le " + parisMoment(l.To) + ".")
		case l.State == "suspended":
			say("Accès " + l.ID + " suspendu.")
		case l.State == "active":
			open++
		}
	}
	if open > 0 {
		say(fmt.Sprintf("À faire : fermer les accès encore ouverts (%d). Voir la fiche « La première heure ».", open))
	}
	for _, m := range r.measures {
		say(m)
	}
	if r.letters > 0 {
		say(fmt.Sprintf("Lettres individuelles prêtes (article 34) : %d. Celles des mineurs sont adressées au premier adulte du contrat.", r.letters))
	}
	say("Les listes publiées restent en ligne : les comptoirs continuent de refuser les fausses cartes et d’accepter les vraies.")
	return out
}

// faultWords are the ways in which traces are altered.
var faultWords = map[string]string{"edited": "inscription modifiée", "deleted": "inscription supprimée", "inserted": "inscription ajoutée", "reordered": "ordre changé",
	"truncated": "fin coupée", "rewritten": "chaîne recalculée, à cette inscription au plus tard", "unreadable": "illisible", "gap": "lacune", "missing": "lignes manquantes",
	"added": "lignes ajoutées", "altered": "lignes modifiées"}

func (r *exposureReport) method() []string {
	var out []string
	say := func(s string) { out = append(out, french(s)) }
	c := r.Certainty
	if c.Bad > 0 {
		say(fmt.Sprintf("Le journal est altéré à partir de l’inscription %d (%s).", c.Bad, or(faultWords[c.What], c.What)))
		if !c.Nothing() {
			say(fmt.Sprintf("Dernière inscription certaine : %d.", c.Entries))
		}
	} else {
		say(fmt.Sprintf("Journal vérifié avant lecture : %d inscriptions enchaînées, dernière empreinte %s.", c.Entries, c.Head))
	}
	for _, f := range c.Trace {
		say(fmt.Sprintf("Trace des vérifications altérée, lignes %d à %d (%s).", f.Range.First, f.Range.Last, or(faultWords[f.What], f.What)))
	}
	if c.Rows > 0 || c.Unbound > 0 {
		say(fmt.Sprintf("Trace des vérifications en ligne : %d lignes garanties par le journal, %d plus récentes qui ne le sont pas encore.", c.Rows, c.Unbound))
	}
	if r.Before+r.After > 0 {
		say(fmt.Sprintf("Hors de la période examinée, et non comptées : %d lignes avant, %d après.", r.Before, r.After))
	}
	if r.Unsure > 0 {
		say("Un contrat modifié depuis sa lecture n’est gardé que par ses cartes : quand aucune ne dit qui y figurait, toutes les personnes connues du contrat sont comptées, et marquées « incertain ».")
	}
	if r.Unnamed > 0 {
		say("D’anciens relevés ne disaient pas quelles cartes ils nommaient : toutes les personnes à portée sont informées.")
	}
	say("Le journal ne contient aucun nom : les personnes ont été retrouvées dans le registre pour ce rapport, et cette recherche est elle-même inscrite au journal.")
	return out
}
