// Protocols of ceremonies and rotations: one paper each, in French, to be completed and signed by hand.

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sceau/card/issuer"
	"sceau/card/pdf"
	"sceau/cmd/internal/clock"
	"sceau/rights"
	"sceau/signing/trust"
)

const nbsp = "\u00a0"

func inParis(t time.Time) time.Time { return t.In(rights.Paris()) }

// exerciseBanner stands on every page that a drill makes.
func exerciseBanner() string {
	if clock.Drill() {
		return clock.ExerciseName
	}
	return ""
}

// bothClocks is a moment as an archive needs it and as people remember it.
func bothClocks(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05") + nbsp + "UTC, " + pdf.FrenchMoment(inParis(t)) + " à Paris"
}

var rolesFR = map[string]string{
	trust.RoleRoot: "racine", trust.RoleTargets: "cibles (targets)", trust.RoleSnapshot: "état (snapshot)", trust.RoleTimestamp: "horodatage (timestamp)",
}

var whysFR = map[string]string{"rotation": "renouvellement prévu", "renewal": "prolongation, sans changement de clé", "loss": "perte d’une part", "theft": "vol d’une clé"}

var stepsFR = map[string]string{"begun": "cérémonie ouverte, projet de racine établi", "signed": "signature d’une part", "signature received": "signature d’une part, faite ailleurs et rapportée dans le projet", "published": "racine en vigueur, publiée", "abandoned": "cérémonie abandonnée"}

// rootProtocol is the record of a ceremony: what changed, who signed, and what people add by hand. While it is open it is a
// draft to take along.
func rootProtocol(w io.Writer, k *issuer.RootCeremony, places []holding, now time.Time) error {
	v, err := trust.ReviewRoot(k.Draft)
	if err != nil {
		return err
	}
	paper := pdf.Paper{Title: "Protocole de cérémonie des clés", Subtitle: fmt.Sprintf("Racine n°"+nbsp+"%d"+nbsp+": %s", k.Number, whatFR(k)),
		Reference: k.ID, At: inParis(now), Banner: exerciseBanner()}
	switch k.State {
	case issuer.CeremonyOpen:
		paper.Blocks = append(paper.Blocks, pdf.Note(pdf.ToneReserve, fmt.Sprintf("Projet"+nbsp+": la cérémonie n’est pas terminée. Signatures manquantes"+nbsp+": %d des détenteurs actuels, %d des détenteurs de la nouvelle racine.", k.MissingOld, k.MissingNew)))
	case issuer.CeremonyAbandoned:
		paper.Blocks = append(paper.Blocks, pdf.Note(pdf.ToneRefused, "Cérémonie abandonnée"+nbsp+": rien n’a changé, et les signatures faites pour elle ne servent à rien."))
	default:
		paper.Blocks = append(paper.Blocks, pdf.Note(pdf.ToneOpen, fmt.Sprintf("Racine en vigueur depuis la publication n°"+nbsp+"%d.", k.Version)))
	}
	paper.Blocks = append(paper.Blocks, pdf.Facts(
		pdf.Fact{Label: "Motif", Value: whyFR(k)},
		pdf.Fact{Label: "Ouverte le", Value: bothClocks(k.Created)},
		pdf.Fact{Label: "Imprimé le", Value: bothClocks(now)},
		pdf.Fact{Label: "Empreinte du dépôt", Value: v.Fingerprint, Code: true},
		pdf.Fact{Label: "Racine avant", Value: fmt.Sprintf("n°"+nbsp+"%d, valable jusqu’au %s", v.Present.Version, pdf.FrenchDay(inParis(v.Present.Expires)))},
		pdf.Fact{Label: "Racine après", Value: fmt.Sprintf("n°"+nbsp+"%d, valable jusqu’au %s", v.Next.Version, pdf.FrenchDay(inParis(v.Next.Expires)))},
		pdf.Fact{Label: "Signatures exigées", Value: fmt.Sprintf("%d sur %d avant, %d sur %d après", k.ThresholdBefore, len(k.Before[trust.RoleRoot]), k.ThresholdAfter, len(k.After[trust.RoleRoot]))},
	))
	paper.Blocks = append(paper.Blocks, pdf.Heading("Clés avant et après"))
	table := pdf.Block{Kind: pdf.BlockTable, Head: []string{"Rôle", "Clé", "Empreinte complète", "Devenir", "Support", "Signé"}, Shares: []float64{2, 2, 5, 1.4, 2.4, 1}}
	for _, key := range v.Keys {
		kid, err := kidOf(key.Public)
		if err != nil {
			return err
		}
		signed := ""
		if key.Signed {
			signed = "oui"
		}
		where := ""
		for _, h := range places {
			if name, ok := h.kids[kid]; ok {
				where = name + ", " + h.where
			}
		}
		for _, s := range k.Steps { // signed another day, or elsewhere
			if where == "" && s.KID == kid {
				where = s.Where
				if s.What == "signature received" {
					where = "chez son détenteur"
				}
			}
		}
		table.Rows = append(table.Rows, []string{rolesFR[key.Role], kid, key.ID, map[string]string{trust.KeyNew: "nouvelle", trust.KeyGone: "retirée", trust.KeyKept: "gardée"}[key.Change], where, signed})
	}
	paper.Blocks = append(paper.Blocks, table, pdf.Heading("Déroulement"))
	steps := pdf.Block{Kind: pdf.BlockTable, Head: []string{"Heure (UTC)", "Heure de Paris", "Étape", "Clé", "Session"}, Shares: []float64{2.6, 1.6, 4, 2, 1.6}}
	for _, s := range k.Steps {
		steps.Rows = append(steps.Rows, []string{s.At.UTC().Format("2006-01-02 15:04:05"), inParis(s.At).Format("15:04:05"), or(stepsFR[s.What], s.What), s.KID, s.Who})
	}
	if len(steps.Rows) > 0 {
		paper.Blocks = append(paper.Blocks, steps)
	}
	paper.Blocks = append(paper.Blocks, pdf.Heading("À faire par les personnes présentes"), pdf.Steps(
		pdf.Step{Text: "Comparer l’empreinte du dépôt avec celle du protocole précédent, ou avec celle qui a été remise aux comptoirs."},
		pdf.Step{Text: "Vérifier que chaque clé «" + nbsp + "nouvelle" + nbsp + "» a été faite devant témoins, sur le support de son détenteur."},
		pdf.Step{Text: "Vérifier que chaque part est sur un support à part, avec sa propre phrase secrète, confiés à des personnes différentes et gardés en des lieux différents."},
		pdf.Step{Text: "Sauvegarder l’opérateur.", Command: "sceau backup DOSSIER --to FICHIER"},
		pdf.Step{Text: "Publier, puis vérifier qu’un comptoir suit la nouvelle racine.", Command: "sceau publish DOSSIER --to …"},
		pdf.Step{Text: "Détruire les supports des parts retirées, ou le consigner ci-dessous."},
	))
	people := []string{"Maître de cérémonie"}
	for i := range max(len(k.After[trust.RoleRoot]), len(k.Before[trust.RoleRoot])) {
		people = append(people, fmt.Sprintf("Détenteur %d", i+1))
	}
	paper.Blocks = append(paper.Blocks, byHand(append(people, "Témoin"))...)
	return pdf.WritePaper(w, paper)
}

// whatFR says what a ceremony changes.
func whatFR(k *issuer.RootCeremony) string {
	roles := changes(k)
	if len(roles) == 0 {
		return "nouvelle échéance"
	}
	for i, r := range roles {
		roles[i] = rolesFR[r]
	}
	if slices.Equal(roles, []string{rolesFR[trust.RoleRoot]}) && sameShares(k) {
		return fmt.Sprintf("%d signatures exigées au lieu de %d, mêmes clés", k.ThresholdAfter, k.ThresholdBefore)
	}
	return "nouvelles clés, " + strings.Join(roles, ", ")
}

// whyFR is the reason of a ceremony.
func whyFR(k *issuer.RootCeremony) string {
	if len(changes(k)) > 0 && k.ThresholdBefore != k.ThresholdAfter && sameShares(k) && k.Why != issuer.WhyLoss && k.Why != issuer.WhyTheft {
		return "changement du nombre de signatures exigées"
	}
	return or(whysFR[k.Why], k.Why)
}

// byHand is what people fill in: where, which media, who.
func byHand(people []string) []pdf.Block {
	blank := strings.Repeat(".", 60)
	return []pdf.Block{
		pdf.Heading("À remplir à la main"),
		pdf.Facts(pdf.Fact{Label: "Lieu", Value: blank}, pdf.Fact{Label: "Scellés des supports", Value: blank}, pdf.Fact{Label: "Observations", Value: blank}),
		pdf.Signatures(people...),
	}
}

var purposesFR = map[string]string{
	issuer.PurposeCard: "Clé des cartes", issuer.PurposeList: "Clé des listes de statut (autres vérificateurs)", issuer.PurposeStatus: "Clé des listes de fins de droits",
	issuer.PurposeInsurer: "Clé de l’organisme", issuer.PurposeAccord: "Clé des accords", issuer.PurposeSettlement: "Clé des règlements",
	issuer.PurposeManifest: "Clé des bordereaux de campagne",
}

// rotationProtocol is the record of a key that was replaced without a ceremony.
func rotationProtocol(w io.Writer, k *issuer.KeyChange, who string, now time.Time) error {
	facts := []pdf.Fact{}
	if k.Insurer != "" {
		facts = append(facts, pdf.Fact{Label: "Organisme (N° AMC)", Value: k.Insurer})
	}
	facts = append(facts, pdf.Fact{Label: "Fait le", Value: bothClocks(now)}, pdf.Fact{Label: "Session", Value: who},
		pdf.Fact{Label: "Clé remplacée", Value: or(k.Old, "aucune"), Code: k.Old != ""},
		pdf.Fact{Label: "Nouvelle clé", Value: k.New, Code: true}, pdf.Fact{Label: "Nom dans son dossier", Value: k.Name, Code: true},
		pdf.Fact{Label: "Signe à partir du", Value: bothClocks(k.From)}, pdf.Fact{Label: "Annoncée par la publication", Value: fmt.Sprint(k.Version)})
	old := "Ce que l’ancienne clé a signé reste valable."
	if k.Purpose == issuer.PurposeStatus || k.Purpose == issuer.PurposeInsurer {
		old = "Ce que l’ancienne clé avait signé a été signé de nouveau par la nouvelle."
	}
	blocks := []pdf.Block{pdf.Facts(facts...), pdf.Text(old + " Les comptoirs connaissent la nouvelle clé dès qu’ils lisent cette publication."),
		pdf.Heading("Étapes"), pdf.Steps(
			pdf.Step{Text: "Nouvelle clé faite et annoncée.", Done: true},
			pdf.Step{Text: "Publier là où les comptoirs lisent.", Command: "sceau publish DOSSIER --to …"},
			pdf.Step{Text: "Sauvegarder" + nbsp + ": la clé est dans le dossier keys (organisme" + nbsp + ": dossier hors ligne).", Command: "sceau backup DOSSIER --to FICHIER"},
			pdf.Step{Text: "Vérifier l’inventaire.", Command: "sceau keys audit DOSSIER"},
		)}
	return pdf.WritePaper(w, pdf.Paper{Title: "Protocole de remplacement de clé", Subtitle: purposesFR[k.Purpose], Reference: k.New, At: inParis(now), Banner: exerciseBanner(),
		Blocks: slices.Concat(blocks, byHand([]string{"Opérateur", "Témoin"}))})
}
