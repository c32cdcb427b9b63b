// The lines around a verdict, in both languages.

package comptoir

import (
	"fmt"

	"sceau/offline"
)

// labels are formats; their arguments are the same in both languages.
var labels = map[offline.Language]lines{
	offline.French: {
		card: "carte %s de %s, soins du %s", compare: "à comparer avec la carte Vitale ou une pièce d’identité :",
		list: "liste %d, révision %d, du %s (il y a %s), vérifiée hors ligne", payable: "payable avec cette liste jusqu’au %s",
		ceiling: "part complémentaire payable jusqu’à %d €", todo: "à faire : %s", repaired: "lecture réparée : %s", receipt: "preuve n°\u00a0%s",
		person: "%s %s, né(e) le %s", rang: ", rang %d", value: " : %s %s", without: " : %s non couvert à cette date", gone: " : non couvert(e) à cette date",
	},
	offline.English: {
		card: "card %s of %s, care of %s", compare: "to compare with the Vitale card or an identity paper:",
		list: "list %d, revision %d, of %s (%s ago), checked offline", payable: "payable with this list until %s",
		ceiling: "complementary share payable up to %d €", todo: "to do: %s", repaired: "reading repaired: %s", receipt: "check no.\u00a0%s",
		person: "%s %s, born %s", rang: ", rank %d", value: ": %s %s", without: ": %s not covered on that day", gone: ": not covered on that day",
	},
}

type lines struct {
	card, compare, list, payable, ceiling, todo, repaired, receipt string
	person, rang, value, without, gone                             string
}

func (l lines) describe(p offline.Person, domain string) string {
	s := fmt.Sprintf(l.person, p.Person.Nom, p.Person.Prenom, p.Person.Birth.French())
	if p.Person.Rang > 1 {
		s += fmt.Sprintf(l.rang, p.Person.Rang)
	}
	switch {
	case domain != "" && p.Covered:
		s += fmt.Sprintf(l.value, domain, p.Value)
	case domain != "":
		s += fmt.Sprintf(l.without, domain)
	case !p.Covered:
		s += l.gone
	}
	return s
}
