// The table that a director reads.

package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"sceau/rights"
)

// drillWidth is that of the table, in columns of a terminal.
const drillWidth = 100

// drillActs are the line groups, in the order of the story.
var drillActs = []struct {
	act   string
	words [2]string
}{
	{"", [2]string{"En tout", "All in all"}},
	{"A", [2]string{"A  Un compte de comptoir est volé, 10 janvier", "A  A counter’s account is stolen, 10 January"}},
	{"B", [2]string{"B  Le service est débranché dix jours, 14 au 25 janvier", "B  The service is unplugged for ten days, 14 to 25 January"}},
	{"C", [2]string{"C  La clé qui signe les cartes est copiée, 20 janvier", "C  The key that signs cards is copied, 20 January"}},
	{"D", [2]string{"D  Un des deux miroirs est pris, du 22 au 24 janvier", "D  One of the two mirrors is taken over, 22 to 24 January"}},
	{"E", [2]string{"E  Le retour, 25 janvier", "E  The return, 25 January"}},
}

// table draws the runs side by side.
func (r *drillReport) table(lang int, colours bool) string {
	var b strings.Builder
	paint := func(attribute, s string) string {
		if !colours {
			return s
		}
		return "\x1b[" + attribute + "m" + s + "\x1b[0m"
	}
	const cell = 20
	columns := len(r.Runs)
	labels := drillWidth - 2 - columns*cell
	rule := func(left, middle, right string) {
		b.WriteString(left + strings.Repeat("─", labels+1) + strings.Repeat(middle+strings.Repeat("─", cell-1), columns) + right + "\n")
	}
	title := []string{"EXERCICE – janvier 2024 rejoué\u00a0: %s foyers, %s comptoirs, %s cartes forgées", "DRILL – January 2024 again: %s households, %s counters, %s forged cards"}[lang]
	fmt.Fprintf(&b, "\n "+paint("1", title)+"\n\n", grouped(int64(r.Households)), grouped(int64(r.Counters)), grouped(int64(r.Forged)))
	heads := make([]string, columns)
	for i, run := range r.Runs {
		heads[i] = []string{"dispositif", "all controls"}[lang]
		if run.Without != "" {
			heads[i] = []string{"sans ", "w/o "}[lang] + run.Without
		}
	}
	rule("┌", "┬", "┐")
	line := func(label string, cells []string, style func(int) string) {
		label = pad(label, labels)
		if style(-1) != "" {
			label = paint(style(-1), label)
		}
		b.WriteString("│ " + label)
		for i, c := range cells {
			text := padLeft(c, cell-3) + " "
			if s := style(i); s != "" {
				text = paint(s, text)
			}
			b.WriteString("│ " + text)
		}
		b.WriteString("│\n")
	}
	bold := func(int) string { return "1" }
	line("", heads, bold)
	for _, act := range drillActs {
		rule("├", "┼", "┤")
		line(act.words[lang], make([]string, columns), bold)
		for _, f := range r.Runs[0].Figures {
			if f.Act != act.act {
				continue
			}
			cells, off, ruled := make([]string, columns), make([]bool, columns), make([]bool, columns)
			for i, run := range r.Runs {
				if other := run.figure(f.Code); other != nil {
					cells[i], off[i], ruled[i] = other.text(lang), other.off(), other.Want != ""
					if off[i] {
						cells[i] += " ✗"
					} else if other.Want != "" {
						cells[i] += " ✓"
					} else {
						cells[i] += "  "
					}
				} else {
					cells[i] = "–  "
				}
			}
			parts := drillLines(f.words[lang], labels-1)
			for p, part := range parts {
				shown := make([]string, columns)
				if p == len(parts)-1 {
					shown = cells
				}
				line(part, shown, func(i int) string {
					switch {
					case i < 0 || p < len(parts)-1:
						return ""
					case off[i]:
						return "1;31"
					case ruled[i]:
						return "32"
					}
					return ""
				})
			}
		}
	}
	rule("└", "┴", "┘")
	for foot := range strings.Lines(r.foot(lang)) {
		b.WriteString(strings.ReplaceAll(strings.Join(drillLines(strings.TrimRight(foot, "\n"), drillWidth), "\n"), "\n  ", "\n ") + "\n")
	}
	return b.String()
}

// foot says in words what came out.
func (r *drillReport) foot(lang int) string {
	var b strings.Builder
	for _, run := range r.Runs {
		if run.Without != "" {
			c := controlNamed(run.Without)
			fmt.Fprintf(&b, []string{" Sans «\u00a0%s\u00a0»\u00a0: %s.\n", " Without %s: %s.\n"}[lang], run.Without, []string{c.french, c.english}[lang])
		}
		for _, f := range run.Faults {
			if f.Note != "" && run.Without == "" {
				fmt.Fprintf(&b, " ✗ %s : %s\n", f.Code, f.Note)
			}
		}
	}
	if r.OK && len(r.Runs) > 1 {
		fmt.Fprintf(&b, []string{" Avec tout le dispositif, chaque chiffre est celui attendu\u00a0; sans ce contrôle, le coût est celui annoncé (%.0f s).\n",
			" With all controls every figure is as it must be; without this one the cost is the one foretold (%.0f s).\n"}[lang], r.Seconds)
		return b.String()
	}
	verdict := []string{" Chaque chiffre est celui qui était attendu (%.0f s).\n", " Every figure is as it must be (%.0f s).\n"}[lang]
	if !r.OK {
		verdict = []string{" DES CHIFFRES NE SONT PAS CEUX QUI ÉTAIENT ATTENDUS (%.0f s).\n", " SOME FIGURES ARE NOT AS THEY MUST BE (%.0f s).\n"}[lang]
	}
	fmt.Fprintf(&b, verdict, r.Seconds)
	return b.String()
}

// figure finds the same line of another run.
func (r drillRun) figure(code string) *drillFigure {
	for i := range r.Figures {
		if r.Figures[i].Code == code {
			return &r.Figures[i]
		}
	}
	return nil
}

// text writes a value as its unit has it.
func (f drillFigure) text(lang int) string {
	switch f.Unit {
	case "cents":
		if lang == 0 {
			return rights.Cents(f.Value).French()
		}
		return rights.Cents(f.Value).English()
	case "seconds":
		return fmt.Sprintf("%d s", f.Value)
	}
	if f.Of > 0 {
		return grouped(f.Value) + " / " + grouped(f.Of)
	}
	return grouped(f.Value)
}

// grouped writes thousands apart, with a narrow no-break space.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}

func padLeft(s string, n int) string {
	return strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s))) + s
}

// drillLines breaks a label into lines, the later ones further in.
func drillLines(s string, n int) []string {
	var out []string
	indent := "  "
	line := indent
	for _, word := range strings.Split(strings.TrimSpace(s), " ") {
		if utf8.RuneCountInString(line)+utf8.RuneCountInString(word)+1 > n && strings.TrimSpace(line) != "" {
			out = append(out, line)
			line = indent + "  "
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}
