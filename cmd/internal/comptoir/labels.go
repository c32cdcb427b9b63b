// The lines around a verdict, in both languages.

package comptoir

import (
	"fmt"

	"sceau/offline"
	"sceau/rights"
)

// labels are formats; their arguments are the same in both languages.
var labels = map[offline.Language]lines{
	offline.French: {
		card: "carte %s de %s, soins du %s", compare: "à comparer avec la carte Vitale ou une pièce d’identité :",
		list: "liste %d, révision %d, du %s (il y a %s), vérifiée hors ligne", payable: "payable avec cette liste jusqu’au %s",
		granted: "accord de l’organisme\u00a0: payable jusqu’au %s", answer: "réponse n°\u00a0%s",
		ceiling: "part complémentaire payable jusqu’à %d €", todo: "à faire : %s", repaired: "lecture réparée : %s", receipt: "preuve n°\u00a0%s",
		rescue: "hors ligne : %s", online: "vérifiée en ligne auprès de l’organisme le %s", accord: "accord n°\u00a0%s, à reporter sur la facture",
		person: "%s %s, né(e) le %s", rang: ", rang %d", value: " : %s %s", written: " : inscrit sur la carte, %s %s", without: " : %s non couvert à cette date", gone: " : non couvert(e) à cette date",
	},
	offline.English: {
		card: "card %s of %s, care of %s", compare: "to compare with the Vitale card or an identity paper:",
		list: "list %d, revision %d, of %s (%s ago), checked offline", payable: "payable with this list until %s",
		granted: "insurer’s accord: payable until %s", answer: "answer no.\u00a0%s",
		ceiling: "complementary share payable up to %d €", todo: "to do: %s", repaired: "reading repaired: %s", receipt: "receipt no.\u00a0%s",
		rescue: "offline: %s", online: "checked online with the insurer on %s", accord: "accord no.\u00a0%s, to go on the invoice",
		person: "%s %s, born %s", rang: ", rank %d", value: ": %s %s", written: ": written on the card, %s %s", without: ": %s not covered on that day", gone: ": not covered on that day",
	},
}

type lines struct {
	rescue, online, accord, granted, answer                        string
	card, compare, list, payable, ceiling, todo, repaired, receipt string
	person, rang, value, written, without, gone                    string
}

// describe is one beneficiary of a verdict. Under a refusal or an unknown nobody is covered, whatever the card has: that is then only
// said to be written there. That the card does not cover a domain is said where it is the reason.
func (l lines) describe(v offline.Verdict, p offline.Person) string {
	domain := v.Domain
	s := fmt.Sprintf(l.person, p.Person.Nom, p.Person.Prenom, p.Person.Birth.French())
	if p.Person.Rang > 1 {
		s += fmt.Sprintf(l.rang, p.Person.Rang)
	}
	open := v.Status == offline.Valid || v.Status == offline.Reserve
	switch {
	case !open && v.Reason != offline.NotCovered:
		if value := p.Value.String(); domain != "" && value != "" && p.Value.Kind != rights.None {
			s += fmt.Sprintf(l.written, domain, value)
		}
	case domain != "" && p.Covered:
		s += fmt.Sprintf(l.value, domain, p.Value)
	case domain != "":
		s += fmt.Sprintf(l.without, domain)
	case !p.Covered:
		s += l.gone
	}
	return s
}
