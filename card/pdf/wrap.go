// Breaking text into lines that fit.

package pdf

import (
	"strings"
	"unicode/utf8"
)

// lead is the distance of two lines for a size in points, in millimetres.
func lead(size float64) float64 { return size * mmPerPt * 1.2 }

// wrap breaks s into lines no wider than width: at spaces, else after a hyphen, else anywhere but before a combining mark.
// Nothing of s is lost but the spaces at the breaks.
func (r *repertoire) wrap(st style, s string, width float64) []string {
	limit := int(width * 1000 * ptPerMM / st.size)
	var lines []string
	line, used := "", 0
	space := r.units(st.face, " ")
	for _, word := range strings.FieldsFunc(s, isBreak) {
		w := r.units(st.face, word)
		if line != "" && used+space+w <= limit {
			line += " " + word
			used += space + w
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for w > limit {
			head, tail := r.split(st.face, word, limit)
			if tail == "" {
				break
			}
			lines = append(lines, head)
			word, w = tail, r.units(st.face, tail)
		}
		line, used = word, w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// lines counts the lines that wrap makes of the same words.
func (r *repertoire) lines(f face, words []part, limit int) int {
	n, used, empty := 0, 0, true
	for _, word := range words {
		if !empty && used+r.space[f]+word.units <= limit {
			used += r.space[f] + word.units
			continue
		}
		if !empty {
			n++
		}
		s, w := word.s, word.units
		for w > limit {
			_, tail := r.split(f, s, limit)
			if tail == "" {
				break
			}
			n++
			s, w = tail, r.units(f, tail)
		}
		used, empty = w, false
	}
	if !empty {
		n++
	}
	return n
}

// split cuts a word that is too wide.
func (r *repertoire) split(f face, word string, limit int) (head, tail string) {
	used, cut, hyphen := 0, 0, 0
	for i, c := range word {
		w := 0
		if g, ok := r.find(c); ok && int(g.plane) < len(r.planes[f]) {
			w = int(r.planes[f][g.plane].width[g.code])
		}
		if used+w > limit && i > 0 && w > 0 {
			break
		}
		used += w
		cut = i + utf8.RuneLen(c)
		if c == '-' && cut < len(word) {
			hyphen = cut
		}
	}
	if hyphen > 0 {
		cut = hyphen
	}
	return word[:cut], word[cut:]
}

// paragraph prints s in lines of the given width from baseline y and returns the baseline after the last.
func (c *canvas) paragraph(x, y, width float64, st style, k Color, s string) float64 {
	for _, l := range c.rep.wrap(st, s, width) {
		c.text(x, y, st, k, l)
		y += lead(st.size)
	}
	return y
}

// isBreak tells where a line may end: at a plain space, not at a no-break one.
func isBreak(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }
