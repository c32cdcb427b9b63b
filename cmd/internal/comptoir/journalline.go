// One check on one line of the terminal.

package comptoir

import (
	"fmt"

	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/mirror"
	"sceau/offline/receipt"
)

// listed is one line of the list.
func listed(r mirror.Record) string {
	card, domain := r.Receipt.Card, r.Receipt.Domain
	if card == "" {
		card = "carte non authentifiée"
	}
	if domain == "" {
		domain = "carte seule"
	}
	line := fmt.Sprintf("%-14s  %s  %s %-7s  %s  soins du %s  %s  %s", r.Number, instant(r.At), marks[r.Receipt.Status], r.Receipt.Status, card,
		r.Receipt.Care.French(), domain, r.Receipt.Reason)
	if r.Receipt.Accord != "" {
		line += "  accord " + string(r.Receipt.Accord)
	}
	if r.Settled.Answer != "" {
		line += "  " + receipt.AnswerWord(offline.French, r.Settled.Answer)
	}
	if r.Settled.Answer == receipt.Disputed {
		line += "\u00a0: " + accord.Sentence(string(offline.French), r.Settled.Reason)
	}
	return line
}
