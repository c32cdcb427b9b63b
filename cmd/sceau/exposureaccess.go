// What the letters of an exposure say about the stolen access: when and where it read, and what became of it.

package main

import (
	"fmt"
	"slices"
	"strings"

	"sceau/card/issuer"
	"sceau/card/pdf"
	"sceau/rights"
)

// ownUse says whose reads, beside the thief's, the traces of a credential hold.
var ownUse = map[issuer.ExposureKind]string{
	issuer.ExposeFINESS:   "du professionnel de santé lui-même, à qui la carte a été présentée",
	issuer.ExposeCounter:  "du professionnel de santé lui-même, à qui la carte a été présentée",
	issuer.ExposeDevice:   "du professionnel de santé lui-même, à qui la carte a été présentée",
	issuer.ExposeKey:      "du professionnel de santé lui-même, à qui la carte a été présentée",
	issuer.ExposeAPIKey:   "du logiciel lui-même, dans son usage normal",
	issuer.ExposeOperator: "du titulaire du compte, dans son travail",
}

// placesInALetter is how many establishments a letter names.
const placesInALetter = 5

// happened is the first paragraph: what was stolen, what it read of this person, when and where.
func (f letterFacts) happened(p issuer.Exposed, about string) string {
	s := "Nous avons constaté " + that(stolenWords[f.kind])
	if !f.discovered.IsZero() {
		s = "Le " + pdf.FrenchDay(f.discovered) + ", nous avons constaté " + that(stolenWords[f.kind])
	}
	s += " était entre les mains d’une personne qui n’y avait pas droit."
	altered := f.found != nil && !f.found.Certainty.Whole()
	switch {
	case p.Read != 0:
		s += " " + f.period() + about + " ont été consultées avec cet accès."
		if whose := ownUse[f.kind]; whose != "" {
			s += " Ces consultations peuvent être, en tout ou en partie, celles " + whose + " : nous ne pouvons pas les distinguer."
		}
		if f.kind == issuer.ExposeDevice {
			s += " Cet ordinateur en garde un journal, que peut lire qui l’a en main."
		}
		if altered {
			s += " Nos enregistrements ont été altérés : il a pu y en avoir d’autres."
		}
	case altered:
		s += " De ce fait, " + about + " ont pu être consultées : nos enregistrements ont été altérés, et ne permettent pas de le savoir."
	case f.found != nil && f.found.Untraced:
		s += " De ce fait, " + about + " ont pu être consultées, sans que nous puissions le savoir."
	default:
		s += " De ce fait, " + about + " ont pu être consultées. Nous n’avons enregistré aucune consultation avec cet accès."
	}
	return s + f.where()
}

// that is "que", or "qu’" before a vowel.
func that(s string) string {
	if strings.ContainsAny(s[:1], "aeiouyh") {
		return "qu’" + s
	}
	return "que " + s
}

// period is from the first recorded read of the access to the last.
func (f letterFacts) period() string {
	if f.found == nil || f.found.First.IsZero() {
		return "De ce fait, "
	}
	first, last := pdf.FrenchDay(f.found.First.In(rights.Paris())), pdf.FrenchDay(f.found.Last.In(rights.Paris()))
	if first == last {
		return "Le " + first + ", "
	}
	return "Entre le " + first + " et le " + last + ", "
}

// where names the establishments of stolen counters.
func (f letterFacts) where() string {
	if f.found == nil {
		return ""
	}
	var places []string
	for _, l := range f.found.Credentials {
		place := "FINESS " + l.FINESS
		if l.Name != "" {
			place = l.Name + " (FINESS " + l.FINESS + ")"
		}
		if l.FINESS != "" && !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	switch {
	case len(places) == 0:
		return ""
	case len(places) == 1:
		return " Lieu : " + places[0] + "."
	case len(places) > placesInALetter:
		return fmt.Sprintf(" Lieux : %d établissements de santé.", len(places))
	}
	return " Lieux : " + strings.Join(places, " ; ") + "."
}

// done is what was done: the state of the access as the register has it, and the measures that were given.
func (f letterFacts) done() []string {
	out := slices.Clone(f.measures)
	if s := f.state(); s != "" {
		out = append(out, s)
	}
	return append(out, "La Commission nationale de l’informatique et des libertés (CNIL) reçoit notre déclaration.")
}

func (f letterFacts) state() string {
	if f.found == nil {
		return ""
	}
	closed, suspended, open := 0, 0, 0
	for _, l := range f.found.Credentials {
		switch l.State {
		case "revoked", "ended":
			closed++
		case "suspended":
			suspended++
		case "active":
			open++
		}
	}
	switch all := closed + suspended + open; {
	case all == 0:
		return "" // the register does not keep the state of it
	case closed == 1 && all == 1 && !f.found.Credentials[0].To.IsZero():
		return "Cet accès est fermé depuis le " + pdf.FrenchDay(f.found.Credentials[0].To.In(rights.Paris())) + "."
	case closed == all:
		return "Cet accès est fermé."
	case suspended == all:
		return "Cet accès est suspendu."
	case open == all:
		return "À la date de cette lettre, notre registre indique que cet accès est encore en service : il reste à fermer."
	}
	var parts []string
	for _, n := range []struct {
		n           int
		one, plural string
	}{{closed, "fermé", "fermés"}, {suspended, "suspendu", "suspendus"}, {open, "encore en service", "encore en service"}} {
		if n.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.n, map[bool]string{true: n.one, false: n.plural}[n.n == 1]))
		}
	}
	return "État des postes à la date de cette lettre, d’après notre registre : " + strings.Join(parts, ", ") + "."
}
