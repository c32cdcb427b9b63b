// Every sentence that a card prints, in one place: French, exact, and promising nothing that the contract does not.

package pdf

import (
	"strconv"
	"strings"

	"sceau/card"
	"sceau/rights"
)

const (
	phraseNumber  = "Carte n° "
	phraseEdited  = "Éditée le "
	phraseBase    = "Taux en\u00a0% de la base de remboursement, Sécurité sociale incluse."
	phraseNoLink  = "Ce code ne contient aucun lien\u00a0: il n’ouvre jamais de page web."
	phraseHolds   = "Il contient exactement ce qui est imprimé, sans numéro de Sécurité sociale."
	phraseCheck   = "Carte à vérifier au comptoir"
	phraseOffline = "Code signé, vérifiable hors connexion."
	phrasePros    = "Professionnels de santé\u00a0: "
	phraseMembers = "Assurés\u00a0: "
)

// separator stands between the entries of a key and never begins a line.
const separator = "\u00a0·"

// Signs of the grid that may need to be explained.
const (
	signRates3 = 1 << iota
	signPEC
	signTM
	signAmount
	signNone
	signResponsable
)

// signsOf returns the signs that a card with that many domains uses.
func signsOf(c *card.Claims, domains int) int {
	of := [rights.Amount + 1]int{rights.Rates3: signRates3, rights.PEC: signPEC, rights.TM: signTM, rights.Amount: signAmount, rights.None: signNone}
	n, pairs := 0, 0
	for i := range c.Guarantees {
		g := &c.Guarantees[i]
		for k := range g.Values {
			n |= of[g.Values[k].Value.Kind]
		}
		pairs += len(g.People) * len(g.Values)
	}
	if pairs < len(c.People)*domains {
		n |= signNone
	}
	if c.Responsable {
		n |= signResponsable
	}
	return n
}

// valueKey explains signs.
func valueKey(signs int) []span {
	out := []span{}
	for _, s := range []struct {
		bit         int
		sign, means string
	}{
		{signRates3, "a/b/c", "médicaments remboursés à 65, 30 et 15\u00a0%"},
		{signPEC, "PEC", "prise en charge à demander avant"},
		{signTM, "TM", "ticket modérateur seul"},
		{signAmount, "EUR", "forfait en euros"},
		{signNone, "-", "pas de tiers payant"},
		{signResponsable, "R", "contrat responsable"},
	} {
		if signs&s.bit == 0 {
			continue
		}
		if len(out) > 0 {
			out[len(out)-1].s += separator
		}
		out = append(out, span{true, " " + s.sign}, span{false, " " + s.means})
	}
	return out
}

// domainKey names the domains of a table.
func domainKey(t *table, codes *rights.Codes, at rights.Date) []span {
	var out []span
	for i, d := range t.domains {
		label := labelOf(codes, d, at)
		if i < len(t.domains)-1 {
			label += separator
		}
		out = append(out, span{true, " " + d}, span{false, " " + label})
	}
	return out
}

// labelOf returns what a domain code means at a date. A code that the table does not know keeps its code as its name.
func labelOf(codes *rights.Codes, code string, at rights.Date) string {
	if d, ok := codes.Domain(code, at); ok && d.Label != "" {
		return d.Label
	}
	return "voir l’assureur"
}

// noteParas are the footnotes as printed.
func noteParas(c *card.Claims, gap float64) []para {
	var out []para
	for i, n := range c.Notes {
		g := gap * 0.4
		if i == 0 {
			g = gap
		}
		out = append(out, para{spans: []span{{true, "(" + strconv.Itoa(i+1) + ")"}, {false, " " + n}}, color: ink, gap: g})
	}
	return out
}

// phoneParas are the numbers to call.
func phoneParas(i *card.Insurer, gap float64) []para {
	var out []para
	if i.PhoneProfessionals != "" {
		out = append(out, para{spans: []span{{false, phrasePros}, {true, " " + whole(i.PhoneProfessionals)}}, color: ink, gap: gap})
	}
	if i.PhoneMembers != "" {
		out = append(out, para{spans: []span{{false, phraseMembers}, {true, " " + whole(i.PhoneMembers)}}, color: ink, gap: gap * 0.3})
	}
	return out
}

// whole keeps a telephone number on one line.
func whole(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }
