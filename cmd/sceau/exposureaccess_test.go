// Letters of an exposure: what they say of each kind of access and of its state.

package main

import (
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
)

func TestExposureLetters(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2027, 3, d, 9, 0, 0, 0, time.UTC) }
	counter := func(state, name string) issuer.Lived {
		l := issuer.Lived{Kind: issuer.ExposeCounter, FINESS: "600100713", Name: name, State: state}
		if state == "revoked" {
			l.To = day(3)
		}
		return l
	}
	adult := issuer.Exposed{InsurerName: "Mutuelle", Adherent: "1", Nom: "A", Prenom: "B"}
	read := func(r, told issuer.Data) issuer.Exposed { p := adult; p.Read, p.Told = r, told; return p }
	child := adult
	child.Told = issuer.DataFile
	altered := issuer.Certainty{Bad: 1, Since: time.Unix(0, 0)}
	for name, x := range map[string]struct {
		kind       issuer.ExposureKind
		found      issuer.Exposure
		person     issuer.Exposed
		minor      bool
		say, never []string
	}{
		"register": {issuer.ExposeRegister, issuer.Exposure{Untraced: true}, read(0, issuer.DataFile), false,
			[]string{"constaté qu’une copie", "ont pu être consultées, sans que nous puissions le savoir"}, []string{"que une", "cet accès", "Lieu", "Entre", "Consultées\u00a0:"}},
		"counter": {issuer.ExposeCounter, issuer.Exposure{First: day(1), Last: day(2), Credentials: []issuer.Lived{counter("revoked", "Pharmacie du Parc")}}, read(issuer.DataRights, issuer.DataRights|issuer.DataVisit), false,
			[]string{"Entre le 1er\u00a0mars\u00a02027 et le 2\u00a0mars\u00a02027, vos données ont été consultées", "en tout ou en partie, celles du professionnel", "Lieu\u00a0: Pharmacie du Parc (FINESS 600100713).",
				"Cet accès est fermé depuis le 3\u00a0mars\u00a02027.", "Consultées\u00a0:\n- les droits", "sans que nous puissions le savoir\u00a0:\n- le passage"}, []string{"en service", "en cours"}},
		"two counters": {issuer.ExposeFINESS, issuer.Exposure{First: day(1), Last: day(1), Credentials: []issuer.Lived{counter("revoked", ""), counter("active", "")}}, read(issuer.DataRights, issuer.DataRights), false,
			[]string{"Le 1er\u00a0mars\u00a02027, vos données ont été", "1 fermé, 1 encore en service.", "Lieu\u00a0: FINESS 600100713."}, []string{"Entre", "Lieux", "est fermé", "Consultées\u00a0:"}},
		"suspended":  {issuer.ExposeCounter, issuer.Exposure{Credentials: []issuer.Lived{counter("suspended", "")}}, read(0, issuer.DataVisit), false, []string{"Cet accès est suspendu.", "Nous n’avons enregistré aucune consultation"}, []string{"ont été consultées"}},
		"API key":    {issuer.ExposeAPIKey, issuer.Exposure{Certainty: altered, Credentials: []issuer.Lived{{State: "ended"}}}, read(issuer.DataFile, issuer.DataFile), false, []string{"Cet accès est fermé.", "du logiciel lui-même", "ont été altérés"}, []string{"depuis le", "Lieu"}},
		"altered":    {issuer.ExposeAPIKey, issuer.Exposure{Certainty: altered, Credentials: []issuer.Lived{{State: "active"}}}, read(0, issuer.DataFile), false, []string{"encore en service", "ne permettent pas de le savoir"}, []string{"ont été consultées"}},
		"an orphan":  {issuer.ExposeAPIKey, issuer.Exposure{}, child, true, []string{"Aux représentants légaux de B A", "nous l’adressons à ses représentants légaux", "les données de B A"}, []string{"vos données ont", "votre carte", "votre nom", "à votre nom", "premier adulte"}},
		"an account": {issuer.ExposeOperator, issuer.Exposure{Credentials: []issuer.Lived{{}}}, read(issuer.DataCard, issuer.DataCard), false, []string{"du titulaire du compte"}, []string{"est fermé", "en service"}},
	} {
		f := letterFacts{kind: x.kind, at: day(4), contact: "Mme C, déléguée à la protection des données, 01 99 00 12 34", measures: []string{"Mesure."}, found: &x.found}
		l := f.letterOf(x.person, "R", x.minor)
		for _, want := range append(x.say, "ces données\u00a0: Mme C, déléguée", "Mesure.\n", "CNIL") {
			if !strings.Contains(l.Text, want) {
				t.Errorf("%s: lacks %q:\n%s", name, want, l.Text)
			}
		}
		for _, no := range append(x.never, "Le délégué", "..", "  ", " :", "1970") {
			if strings.Contains(l.Text, no) {
				t.Errorf("%s: says %q", name, no)
			}
		}
	}
}
