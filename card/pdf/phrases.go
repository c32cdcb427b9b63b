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
	phraseBase    = "Taux en % de la base de remboursement, Sécurité sociale incluse."
	phraseNoLink  = "Ce code ne contient aucun lien : il n’ouvre jamais de page web."
	phraseHolds   = "Il contient exactement ce qui est imprimé, sans numéro de Sécurité sociale."
	phraseCheck   = "Carte à vérifier au comptoir"
	phraseOffline = "Code signé, vérifiable hors connexion."
	phrasePros    = "Professionnels de santé : "
	phraseMembers = "Assurés : "
)

// separator stands between the entries of a key and never begins a line.
const separator = "\u00a0·"

// valueKey explains the signs of the grid that the card uses.
func valueKey(c *card.Claims) []span {
	var has [rights.Amount + 1]bool
	pairs := 0
	for _, g := range c.Guarantees {
		for _, v := range g.Values {
			has[v.Value.Kind] = true
		}
		pairs += len(g.People) * len(g.Values)
	}
	missing := pairs < len(c.People)*len(c.Domains())
	var out []span
	add := func(sign, means string) {
		if out != nil {
			out[len(out)-1].s += separator
		}
		out = append(out, span{true, " " + sign}, span{false, " " + means})
	}
	if has[rights.Rates3] {
		add("a/b/c", "médicaments remboursés à 65, 30 et 15\u00a0%")
	}
	if has[rights.PEC] {
		add("PEC", "prise en charge à demander avant")
	}
	if has[rights.TM] {
		add("TM", "ticket modérateur seul")
	}
	if has[rights.Amount] {
		add("EUR", "forfait en euros")
	}
	if has[rights.None] || missing {
		add("-", "pas de tiers payant")
	}
	if c.Responsable {
		add("R", "contrat responsable")
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
