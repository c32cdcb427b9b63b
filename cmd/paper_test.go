package cmd

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sceau/card"
	"sceau/rights"
)

// word is a word of a page with its box, in points from the top left corner.
type word struct {
	Left   float64 `xml:"xMin,attr"`
	Top    float64 `xml:"yMin,attr"`
	Right  float64 `xml:"xMax,attr"`
	Bottom float64 `xml:"yMax,attr"`
	Text   string  `xml:",chardata"`
}

func (w word) y() float64 { return (w.Top + w.Bottom) / 2 }

// wordsOf asks pdftotext for the words of each page, in reading order.
func wordsOf(file string) ([][]word, error) {
	out, err := exec.Command("pdftotext", "-bbox-layout", file, "-").Output()
	if err != nil {
		return nil, err
	}
	var doc struct {
		Pages []struct {
			Lines []struct {
				Words []word `xml:"word"`
			} `xml:"flow>block>line"`
		} `xml:"body>doc>page"`
	}
	if err := xml.Unmarshal(out, &doc); err != nil {
		return nil, err
	}
	pages := make([][]word, len(doc.Pages))
	for i, p := range doc.Pages {
		for _, l := range p.Lines {
			for _, w := range l.Words {
				w.Text = norm.NFC.String(w.Text)
				pages[i] = append(pages[i], w)
			}
		}
	}
	return pages, nil
}

// squeeze drops white space, which a page may put where it likes.
func squeeze(s string) string { return strings.Join(strings.Fields(norm.NFC.String(s)), "") }

func textOf(words []word) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(squeeze(w.Text))
	}
	return b.String()
}

// grid is the table of a card as its words stand on the page.
type grid struct {
	words []word // below the strip of numbers, left of the letter's column of the code; by line, then from left to right
	used  []bool // words that were accounted for
	dates float64
}

// sameOnPaper checks that the card shows what the contract says and where it says it: the numbers, each person's name, birth
// date and own dates in one row, and level with it each domain's value under the domain's code.
func sameOnPaper(file string, c rights.Contract, place card.Place) error {
	pages, err := wordsOf(file)
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return errors.New("no page")
	}
	var all strings.Builder
	for _, p := range pages {
		all.WriteString(textOf(p))
	}
	want := []string{"Carte n° " + place.String(), string(c.Insurer), c.Adherent, "du " + c.From.French() + " au " + c.To.French(),
		strings.Join(c.Conventions, " "), c.CSR}
	for i, n := range c.Notes {
		want = append(want, fmt.Sprintf("(%d) %s", i+1, n))
	}
	for _, w := range want {
		if !strings.Contains(all.String(), squeeze(w)) {
			return fmt.Errorf("the page does not show %q", w)
		}
	}
	g, err := gridOf(pages[0], len(pages) == 1, c)
	if err != nil {
		return err
	}
	return g.check(c)
}

// gridOf finds the words of the table.
func gridOf(page []word, letter bool, c rights.Contract) (*grid, error) {
	strip := slices.IndexFunc(page, func(w word) bool { return w.Text == string(c.Insurer) })
	if strip < 0 {
		return nil, errors.New("no N° AMC")
	}
	right := math.Inf(1)
	if letter {
		right = 403 // the code and its column stand right of 142.6 mm
	}
	g := &grid{}
	for _, w := range page {
		if w.Top > page[strip].Bottom-1 && w.Left < right {
			g.words = append(g.words, w)
		}
	}
	sortByLine(g.words)
	g.used = make([]bool, len(g.words))

	// The column of birth dates: own dates stand further left.
	births := map[string]int{}
	for _, b := range c.Beneficiaries {
		births[b.Birth.French()]++
	}
	for _, w := range g.words {
		if births[w.Text] > 0 {
			g.dates = max(g.dates, w.Left)
		}
	}
	if g.dates == 0 {
		return nil, errors.New("no birth date")
	}
	return g, nil
}

// sortByLine puts words in lines, from the top, and each line from left to right.
func sortByLine(words []word) {
	slices.SortFunc(words, func(a, b word) int { return cmp.Compare(a.y(), b.y()) })
	for lo := 0; lo < len(words); {
		hi := lo + 1
		for hi < len(words) && words[hi].y()-words[lo].y() < 1.5 {
			hi++
		}
		slices.SortFunc(words[lo:hi], func(a, b word) int { return cmp.Compare(a.Left, b.Left) })
		lo = hi
	}
}

// rows is where a set of people stands that share their values.
type rows struct {
	people      []int              // ranks in the contract
	values      []rights.Guarantee // one for each domain
	top, bottom float64            // of their words
	anchor      float64            // of the first birth date
}

// check compares the whole table.
func (g *grid) check(c rights.Contract) error {
	var domains []string
	for _, b := range c.Beneficiaries {
		for d := range b.Guarantees {
			if !slices.Contains(domains, d) {
				domains = append(domains, d)
			}
		}
	}
	slices.Sort(domains)
	var groups []*rows
	for rank, b := range c.Beneficiaries {
		values := make([]rights.Guarantee, len(domains))
		for i, d := range domains {
			values[i] = b.Guarantees[d] // the zero value is "-"
		}
		same := slices.IndexFunc(groups, func(o *rows) bool {
			return slices.EqualFunc(o.values, values, func(a, b rights.Guarantee) bool { return a.String() == b.String() })
		})
		if same < 0 {
			same = len(groups)
			groups = append(groups, &rows{values: values, top: math.Inf(1), anchor: math.Inf(1)})
		}
		groups[same].people = append(groups[same].people, rank)
	}
	if err := g.people(c, groups); err != nil {
		return err
	}
	return g.cells(domains, groups)
}

// people finds the row of each person and reads it.
func (g *grid) people(c rights.Contract, groups []*rows) error {
	var starts []int // of the rows: indexes of the birth dates
	for i, w := range g.words {
		if math.Abs(w.Left-g.dates) < 0.5 && isFrenchDate(w.Text) {
			starts = append(starts, i)
		}
	}
	if len(starts) != len(c.Beneficiaries) {
		return fmt.Errorf("%d birth dates for %d people", len(starts), len(c.Beneficiaries))
	}
	// Rows come group by group, and in the contract's order in each. Where that is another order than the contract's, by
	// which a counter asks for a person, names are numbered.
	var order []int
	for _, group := range groups {
		order = append(order, group.people...)
	}
	numbered := !slices.IsSorted(order)
	n := 0
	for _, group := range groups {
		for _, rank := range group.people {
			b := c.Beneficiaries[rank]
			name := b.Nom + b.Prenom + ownDates(c, b)
			if numbered {
				name = fmt.Sprintf("%d.%s", rank+1, name)
			}
			end := math.Inf(1)
			if n+1 < len(starts) {
				end = g.words[starts[n+1]].y()
			}
			if err := g.person(b, squeeze(name), group, starts[n], end); err != nil {
				return fmt.Errorf("row %d: %w", n+1, err)
			}
			n++
		}
	}
	return nil
}

func isFrenchDate(s string) bool {
	return len(s) == 10 && s[2] == '/' && s[5] == '/' && strings.Trim(s, "0123456789/") == ""
}

// person reads the row from one birth date's line to the next one's, takes its words, and widens the group's box by it.
func (g *grid) person(b rights.Beneficiary, want string, group *rows, at int, end float64) error {
	date := g.words[at]
	if date.Text != b.Birth.French() {
		return fmt.Errorf("birth date %s, not %s", date.Text, b.Birth.French())
	}
	names, beside := g.row(at, end)
	rank := ""
	if b.Rang > 1 {
		rank = fmt.Sprintf("rang%d", b.Rang)
	}
	got := g.text(names)
	if math.IsInf(end, 1) { // under the last person stands small print
		for keep := range names {
			if g.text(names[:keep]) == want && !ownWords(g.text(names[keep:])) {
				names, got = names[:keep], want
				break
			}
		}
	}
	if got != want || g.text(beside) != rank {
		return fmt.Errorf("%s says %.60q %q, not %q %q", date.Text, got, g.text(beside), want, rank)
	}
	for _, i := range append(append(names, beside...), at) {
		g.used[i] = true
		group.top, group.bottom = min(group.top, g.words[i].Top), max(group.bottom, g.words[i].Bottom)
	}
	group.anchor = min(group.anchor, date.y())
	return nil
}

// ownWords tells whether a text begins as own dates do.
func ownWords(s string) bool {
	return strings.HasPrefix(s, "àpartirdu") || strings.HasPrefix(s, "jusqu’au") || strings.HasPrefix(s, "du")
}

func (g *grid) text(indexes []int) string {
	var words []word
	for _, i := range indexes {
		words = append(words, g.words[i])
	}
	return textOf(words)
}

// row gives the words of the columns of names and dates from a birth date's line to the next one's, and beside it a rank.
func (g *grid) row(at int, end float64) (names, beside []int) {
	date := g.words[at]
	for i, w := range g.words {
		switch {
		case i == at || w.y() < date.y()-1.5 || w.y() > end-1.5 || g.used[i]:
		case math.Abs(w.y()-date.y()) < 1.5 && w.Left > date.Left:
			if w.Text == "rang" && i+1 < len(g.words) {
				beside = append(beside, i, i+1)
			}
		case w.Left < g.dates-0.5:
			names = append(names, i)
		case len(names) > 0 && names[len(names)-1] == i-1 && w.Left-g.words[i-1].Right < 0.3*(w.Bottom-w.Top):
			names = append(names, i) // own dates run on under the birth date
		}
	}
	return names, beside
}

// ownDates is what a card says of a person whose days differ from the contract's.
func ownDates(c rights.Contract, b rights.Beneficiary) string {
	late, early := b.From > c.From, b.To != 0 && b.To < c.To
	switch {
	case late && early:
		return "du " + b.From.French() + " au " + b.To.French()
	case late:
		return "à partir du " + b.From.French()
	case early:
		return "jusqu’au " + b.To.French()
	}
	return ""
}

// cells finds the domains' codes and under each, level with each group of people, its value.
func (g *grid) cells(domains []string, groups []*rows) error {
	shared := slices.ContainsFunc(g.words, func(w word) bool { return w.Text == "Bénéficiaires" && w.y() < groups[0].top })
	var heads []int
	for i, w := range g.words {
		if slices.Contains(domains, w.Text) && w.Left > g.dates && !g.used[i] {
			heads = append(heads, i)
		}
	}
	need := len(domains)
	if !shared {
		need *= len(groups)
	}
	if len(heads) < need {
		return fmt.Errorf("%d codes of domains, want %d", len(heads), need)
	}
	heads = heads[:need] // the key below the table says them once more
	for i, h := range heads {
		if g.words[h].Text != domains[i%len(domains)] {
			return fmt.Errorf("column %d is %s, not %s", i, g.words[h].Text, domains[i%len(domains)])
		}
		g.used[h] = true
	}
	bottom, left := 0.0, math.Inf(1)
	for n, group := range groups {
		own := heads
		if !shared {
			own = heads[n*len(domains) : (n+1)*len(domains)]
			end := math.Inf(1)
			if n+1 < len(groups) {
				end = g.words[heads[(n+1)*len(domains)]].y()
			}
			if group.anchor < g.words[own[0]].y()-1 || group.bottom > end {
				return fmt.Errorf("the values of block %d do not stand beside its people", n+1)
			}
		}
		for i, d := range domains {
			from, to := (group.top+group.bottom)/2, math.NaN() // level with the middle of the people
			if !shared {
				from, to = g.words[own[i]].y(), math.Inf(1)
				for _, h := range heads {
					if y := g.words[h].y(); y > from+1.5 {
						to = min(to, y)
					}
				}
			}
			found, ok := g.cell(group.values[i].String(), (g.words[own[i]].Left+g.words[own[i]].Right)/2, from, to)
			if !ok {
				return fmt.Errorf("%s of block %d is not %q", d, n+1, group.values[i])
			}
			for _, k := range found {
				g.used[k] = true
				bottom, left = max(bottom, g.words[k].y()), min(left, g.words[k].Left)
			}
		}
	}
	// Nothing else stands among the values.
	for i, w := range g.words {
		if !g.used[i] && w.y() > groups[0].anchor-1.5 && w.y() < bottom+1.5 && w.Right > left {
			return fmt.Errorf("%q among the values", w.Text)
		}
	}
	return nil
}

// cell looks for a value in the column with that middle: level with from, or, when to is given, between both. A value with a
// circuit may have it on the line above.
func (g *grid) cell(value string, middle, from, to float64) ([]int, bool) {
	fits := func(found []int) bool {
		y := 0.0
		for _, i := range found {
			y += g.words[i].y() / float64(len(found))
		}
		if math.IsNaN(to) {
			w := g.words[found[0]]
			return math.Abs(y-from) < 0.4*(w.Bottom-w.Top)
		}
		return y > from && y < to
	}
	for _, found := range g.runs(value, middle) {
		if fits(found) {
			return found, true
		}
	}
	circuits, rest, ok := strings.Cut(value, " ")
	if !ok {
		return nil, false
	}
	for _, above := range g.runs(circuits, middle) {
		for _, below := range g.runs(rest, middle) {
			w, step := g.words[below[0]], g.words[below[0]].y()-g.words[above[0]].y()
			two := []int{above[0], below[0]}
			if step > 0 && step < 1.3*(w.Bottom-w.Top) && fits(two) {
				return append(slices.Clone(above), below...), true
			}
		}
	}
	return nil, false
}

// runs finds neighbours on one line that read s and stand centred on middle, and were not taken yet.
func (g *grid) runs(s string, middle float64) [][]int {
	var out [][]int
	for i := range g.words {
		text, found := "", []int(nil)
		for k := i; k < len(g.words) && len(text) < len(s) && !g.used[k] && math.Abs(g.words[k].y()-g.words[i].y()) < 1.5; k++ {
			if text != "" {
				text += " "
			}
			text += g.words[k].Text
			found = append(found, k)
		}
		if text != s {
			continue
		}
		if m := (g.words[i].Left + g.words[found[len(found)-1]].Right) / 2; math.Abs(m-middle) < 1 {
			out = append(out, found)
		}
	}
	return out
}
