// The report of an exposure for the data-protection authority: GDPR, article 33(3), in its order. Nobody's name is in it.

package main

import (
	"fmt"
	"strings"
	"time"

	"sceau/card/issuer"
	"sceau/card/issuer/firsthour"
	"sceau/card/pdf"
	"sceau/rights"
)

// exposureReport is an exposure with what people said about it.
type exposureReport struct {
	*issuer.Exposure
	discovered time.Time
	made       time.Time
	reference  string
	contact    string
	measures   []string
	letters    int64
}

// span is what was looked at: the question's, else the credentials' life up to now.
func (r *exposureReport) span() (from, to time.Time) {
	from, to = r.From, r.To
	if from.IsZero() {
		for _, l := range r.Credentials {
			if from.IsZero() || !l.From.IsZero() && l.From.Before(from) {
				from = l.From
			}
		}
	}
	return from, to
}

// document is rapport.json.
func (r *exposureReport) document() any {
	type credential struct {
		Kind    string   `json:"kind"`
		ID      string   `json:"id"`
		FINESS  string   `json:"finess,omitempty"`
		Insurer string   `json:"insurer,omitempty"`
		Roles   []string `json:"roles,omitempty"`
		From    string   `json:"from,omitempty"`
		To      string   `json:"to,omitempty"`
		State   string   `json:"state,omitempty"`
	}
	type fault struct {
		Audit uint64 `json:"audit"`
		First int64  `json:"first"`
		Last  int64  `json:"last"`
		What  string `json:"what"`
	}
	creds := []credential{}
	for _, l := range r.Credentials {
		c := credential{Kind: string(l.Kind), ID: l.ID, FINESS: l.FINESS, Insurer: l.Insurer, From: utcText(l.From), To: utcText(l.To), State: l.State}
		for _, role := range l.Roles {
			c.Roles = append(c.Roles, string(role))
		}
		creds = append(creds, c)
	}
	faults := []fault{}
	for _, f := range r.Certainty.Trace {
		faults = append(faults, fault{f.Audit, f.Range.First, f.Range.Last, f.What})
	}
	from, to := r.span()
	deadline := time.Time{}
	if !r.discovered.IsZero() {
		deadline = r.discovered.Add(firsthour.Notification)
	}
	certain := ""
	if !r.Certainty.Nothing() {
		certain = utcText(r.Certainty.Since)
	}
	return map[string]any{
		"schema": "sceau-exposure-1", "reference": r.reference, "made": utcText(r.made), "discovered": utcText(r.discovered), "notify_before": utcText(deadline),
		"kind": r.Kind, "credential": r.ID, "purpose": r.Purpose, "from": utcText(from), "until": utcText(to), "credentials": creds,
		"people": map[string]any{"read": r.Read, "within_reach": r.Could, "letters": r.letters, "minors": r.Minors, "unsure": r.Unsure, "by_data": r.ByData, "by_insurer": r.ByInsurer},
		"records": map[string]any{"contracts": r.Contracts, "cards": r.Cards, "checks": r.Checks, "refused": r.Refused, "journal_entries": r.Receipts, "staff_reads": r.StaffReads,
			"staff_misses": r.StaffMisses, "changes": r.Changes, "unnamed_reports": r.Unnamed, "unknown_cards": r.UnknownCards, "unknown_contracts": r.UnknownFiles, "before": r.Before, "after": r.After,
			"after_discovery": r.Late, "first": utcText(r.First), "last": utcText(r.Last)},
		"whole_insurers": r.Everyone, "untraced": r.Untraced,
		"traces": map[string]any{"whole": r.Certainty.Whole(), "entries": r.Certainty.Entries, "head": r.Certainty.Head, "bad": r.Certainty.Bad, "what": r.Certainty.What,
			"nothing_certain": r.Certainty.Nothing(), "certain_until": certain, "rows": r.Certainty.Rows, "unbound": r.Certainty.Unbound, "faults": faults},
		"contact": r.contact, "measures": r.measures,
	}
}

func utcText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// parisMoment is a moment for people, a place for the pen when it is not known.
func parisMoment(t time.Time) string {
	if t.IsZero() {
		return strings.Repeat(".", 50)
	}
	return pdf.FrenchMoment(t.In(rights.Paris()))
}

// paper is rapport.pdf.
func (r *exposureReport) paper() (pdf.Paper, error) {
	p := pdf.Paper{Title: "Rapport sur une violation de données personnelles", Subtitle: french("Article 33 du RGPD, paragraphe 3 : pour la CNIL et le registre des violations"), Reference: r.reference, At: r.made}
	add := func(blocks ...pdf.Block) { p.Blocks = append(p.Blocks, blocks...) }
	from, to := r.span()
	deadline := time.Time{}
	if !r.discovered.IsZero() {
		deadline = r.discovered.Add(firsthour.Notification)
	}
	add(pdf.Facts(pdf.Fact{Label: "Violation constatée le", Value: parisMoment(r.discovered)}, pdf.Fact{Label: "À notifier avant le (72 heures)", Value: parisMoment(deadline)},
		pdf.Fact{Label: "Période examinée", Value: french("du " + parisMoment(from) + " au " + parisMoment(to))}, pdf.Fact{Label: "Rapport établi le", Value: parisMoment(r.made)}))
	if !deadline.IsZero() && r.made.After(deadline) {
		add(pdf.Note(pdf.ToneReserve, french("Le délai de 72 heures est passé : la notification doit en donner les motifs (article 33, paragraphe 1).")))
	}
	if c := r.Certainty; !c.Whole() {
		sure := "Ce rapport est certain jusqu’au " + parisMoment(c.Since) + ", et ne l’est plus à partir de là"
		switch {
		case c.Nothing():
			sure = "Rien dans ce rapport n’est certain"
		case c.Bad > 0:
			sure = fmt.Sprintf("Ce rapport est certain jusqu’à l’inscription %d du journal, du %s, et ne l’est plus à partir de là", c.Entries, parisMoment(c.Since))
		}
		add(pdf.Note(pdf.ToneRefused, french("Les traces ont été altérées. "+sure+" : les personnes à portée sont toutes comptées et reçoivent une lettre.")))
	}
	add(pdf.Heading("a) Nature de la violation, personnes et données"))
	for _, s := range r.nature() {
		add(pdf.Text(french(s)))
	}
	add(r.counts())
	if len(r.Credentials) > 0 {
		t := pdf.Table([]string{"Accès volé", "Lieu ou organisme", "Du", "Au", "État"})
		for _, l := range r.Credentials {
			where := l.FINESS
			if where == "" {
				where = or(l.Insurer, "opérateur")
			}
			state := stateWords[l.State]
			if state == "" {
				state = l.State
			}
			if len(l.Roles) > 0 {
				var roles []string
				for _, role := range l.Roles {
					roles = append(roles, string(role))
				}
				state = strings.TrimPrefix(state+", rôles "+strings.Join(roles, ", "), ", ")
			}
			t.Rows = append(t.Rows, []string{l.ID, where, short16(l.From), short16(l.To), state})
		}
		t.Shares = []float64{5, 3, 3, 3, 4}
		add(t)
	}
	add(pdf.Heading("b) Qui peut donner des précisions"), pdf.Facts(pdf.Fact{Label: "Contact", Value: or(r.contact, strings.Repeat(".", 80))}))
	add(pdf.Heading("c) Conséquences probables"))
	add(pdf.List(r.consequences()...))
	add(pdf.Heading("d) Mesures prises ou proposées"))
	add(pdf.List(r.taken()...))
	add(pdf.Heading("Comment ces chiffres sont établis"))
	add(pdf.List(r.method()...))
	add(pdf.Signatures("Responsable du traitement, ou son délégué"))
	return p, nil
}

var stateWords = map[string]string{"active": "en service", "suspended": "suspendu", "revoked": "révoqué", "ended": "retiré"}

func short16(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(rights.Paris()).Format("02/01/2006 15:04")
}
