// What a verdict looks like on a terminal, and to a script.

package comptoir

import (
	"fmt"
	"io"
	"strings"

	"sceau/cmd/internal/ui"
	"sceau/offline"
	"sceau/offline/counter"
)

var marks = map[offline.Status]string{offline.Valid: "✓", offline.Reserve: "!", offline.Refused: "✗", offline.Unknown: "?"}

// colours are ANSI: bold white on green, black on yellow, white on red, and inverse. The mark and the words say the same.
var colours = map[offline.Status]string{offline.Valid: "1;97;42", offline.Reserve: "1;30;43", offline.Refused: "1;97;41", offline.Unknown: "1;7"}

func writeText(w io.Writer, a counter.Answer, lang offline.Language) error {
	words := a.Words(lang)
	say := labels[lang]
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	fmt.Fprintln(&b, ui.Colour(w, colours[a.Status], marks[a.Status]+" "+words.Headline))
	line("%s", words.Meaning)
	if a.Card != nil {
		line(say.card, a.Card.Place(), a.Issuer.Insurer.Name, a.Care.French())
		line("%s", say.compare)
		for _, p := range a.People {
			if a.Person == 0 || a.Person == p.Number {
				line("  %d  %s", p.Number, say.describe(a.Verdict, p))
			}
		}
	}
	if l := a.List; l != nil {
		line(say.list, l.List, l.Revision, instant(l.Published), a.Age(lang))
	}
	doc := a.Document(lang)
	if a.Pay != nil && doc.Payment != nil {
		format := say.payable
		if a.Online != nil {
			format = say.granted
		}
		line(format, instant(a.Pay.Until))
		if a.Pay.Euros > 0 {
			line(say.ceiling, a.Pay.Euros)
		}
	}
	if a.Rescue != "" && a.Rescue != counter.RescueCard {
		what, _ := counter.RescueWords(a.Rescue, lang)
		line(say.rescue, what)
	}
	line(say.todo, words.Next)
	if doc.Repair != "" {
		line(say.repaired, doc.Repair)
	}
	if o := a.Online; o != nil {
		line(say.online, instant(o.At))
		if a.Status == offline.Valid || a.Status == offline.Reserve && doc.Payment != nil {
			line(say.accord, o.Number)
		} else {
			line(say.answer, o.Number)
		}
	}
	if a.Receipt != "" {
		line(say.receipt, a.Receipt)
	}
	if doc.Unrecorded != "" {
		line("%s", doc.Unrecorded)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func exitCode(s offline.Status) int {
	switch s {
	case offline.Valid:
		return 0
	case offline.Refused:
		return 1
	case offline.Reserve:
		return 3
	}
	return 4
}

// graver orders exit codes: a refusal outweighs an unknown, which outweighs a reserve.
func graver(a, b int) int {
	rank := map[int]int{0: 0, 3: 1, 4: 2, 1: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}
