// The forms that people and their programs give to cells, each brought to the one form of package rights.

package roster

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sceau/rights"
)

// flaw is what is wrong with one cell.
type flaw struct {
	code  string
	cause string // French, with what to do
}

// flawOf is the flaw behind an error of package rights.
func flawOf(err error) *flaw {
	if err == nil {
		return nil
	}
	return &flaw{rights.CodeOf(err), rights.FrenchOf(err)}
}

var (
	flawEmpty      = &flaw{CodeEmpty, "la case est vide : remplissez-la"}
	flawDate       = &flaw{CodeDateFormat, "la date s'écrit JJ/MM/AAAA, AAAA-MM-JJ ou AAAAMMJJ"}
	flawNoSuchDay  = &flaw{CodeDateCalendar, "ce jour n'existe pas dans le calendrier : vérifiez le jour et le mois"}
	flawBirthOrder = &flaw{CodeBirthAmbiguous, "la date de naissance semble écrite JJMMAAAA : écrivez JJ/MM/AAAA ou AAAA-MM-JJ"}
	flawYesNo      = &flaw{CodeYesNo, "écrivez O ou N (oui, non, 1 et 0 sont admis)"}
)

// day reads JJ/MM/AAAA, AAAA-MM-JJ or AAAAMMJJ.
func day(cell []byte) (rights.Date, *flaw) {
	text, err := rights.ParseBirthDate(string(cell)) // the same three forms, before any calendar
	if err != nil {
		return 0, flawDate
	}
	if text < "19710101" {
		return 0, flawOf(rights.ErrDateRange)
	}
	d, err := rights.ParseCompact(string(text))
	if err != nil {
		return 0, flawNoSuchDay
	}
	return d, nil
}

func contractDay(cell []byte) (rights.Date, *flaw) {
	if len(cell) == 0 {
		return 0, flawEmpty
	}
	d, f := day(cell)
	if f == nil && (d < rights.FirstDay || d > rights.LastDay) {
		return 0, flawOf(rights.ErrDateRange)
	}
	return d, f
}

func ownDay(cell []byte) (rights.Date, *flaw) {
	if len(cell) == 0 {
		return 0, nil
	}
	return day(cell)
}

func birth(cell []byte) (rights.BirthDate, *flaw) {
	if len(cell) == 0 {
		return "", flawEmpty
	}
	b, err := rights.ParseBirthDate(string(cell))
	if err != nil {
		return "", flawOf(err)
	}
	if len(cell) == 8 { // 01031980 would pass as the lunar day 80/19/0103
		reversed := string(b[4:] + b[2:4] + b[:2])
		if reversed >= "18500101" && reversed <= "20991231" && isCalendarDay(reversed) { // never true of a calendar day
			return "", flawBirthOrder
		}
	}
	return b, nil
}

// isCalendarDay reports whether month and day of AAAAMMJJ are possible ones; the month's length does not matter here.
func isCalendarDay(s string) bool {
	return s[4:6] >= "01" && s[4:6] <= "12" && s[6:] >= "01" && s[6:] <= "31"
}

func nir(cell []byte) (string, *flaw) {
	if len(cell) == 0 {
		return "", nil
	}
	n, err := rights.ParseNIR(string(cell))
	if err != nil {
		return "", flawOf(err)
	}
	return string(n), nil
}

func rang(cell []byte) (int, *flaw) {
	if len(cell) == 0 {
		return 1, nil
	}
	if len(cell) != 1 || cell[0] < '1' || cell[0] > '9' {
		return 0, flawOf(rights.ErrRang)
	}
	return int(cell[0] - '0'), nil
}

// name brings a name to Unicode form NFC with single spaces, then applies the rule of cards.
func name(cell []byte) (string, *flaw) {
	s := plainText(string(cell))
	if s == "" {
		return "", flawEmpty
	}
	if err := rights.CheckName(s); err != nil {
		return "", flawOf(err)
	}
	return s, nil
}

// plainText brings text to Unicode form NFC with single spaces and none at the ends.
func plainText(s string) string {
	simple := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] == '\t' || (s[i] == ' ' && (i == 0 || i == len(s)-1 || s[i+1] == ' ')) {
			simple = false
			break
		}
	}
	if simple {
		return s
	}
	return norm.NFC.String(strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r == ' ' || r == '\t' || r == '\u00a0' || r == '\u202f'
	}), " "))
}

func yesNo(cell []byte) (bool, *flaw) {
	switch strings.ToLower(string(cell)) {
	case "o", "oui", "1":
		return true, nil
	case "n", "non", "0", "":
		return false, nil
	}
	return false, flawYesNo
}

func csr(cell []byte) (string, *flaw) {
	s := upper(string(cell))
	if err := rights.CheckCSR(s); err != nil {
		return "", flawOf(err)
	}
	return s, nil
}

// conventions reads codes separated by / or spaces.
func conventions(cell []byte) ([]string, *flaw) {
	if len(cell) == 0 {
		return nil, nil
	}
	codes := strings.FieldsFunc(upper(string(cell)), func(r rune) bool { return r == '/' || isBlank(r) })
	if len(codes) == 0 {
		return nil, flawOf(rights.ErrConvention)
	}
	if err := rights.CheckConventions(codes); err != nil {
		return nil, flawOf(err)
	}
	return codes, nil
}

// notes reads footnotes separated by |.
func notes(cell []byte) ([]string, *flaw) {
	if len(cell) == 0 {
		return nil, nil
	}
	texts := strings.Split(string(cell), "|")
	if len(texts) > rights.MaxNotes {
		return nil, flawOf(rights.ErrNotes)
	}
	for i, text := range texts {
		texts[i] = plainText(text)
		if err := rights.CheckNote(texts[i]); err != nil {
			return nil, flawOf(err)
		}
	}
	return texts, nil
}

// guarantee reads a value as people write it: small letters, "100 %", "150 €", "KA / OC pec", "100%(1)".
func guarantee(s string) (rights.Guarantee, *flaw) {
	g, err := rights.ParseGuarantee(s)
	if err == nil {
		return g, nil
	}
	if g, err = rights.ParseGuarantee(tidyGuarantee(s)); err != nil {
		return rights.Guarantee{}, flawOf(err)
	}
	return g, nil
}

// tidyGuarantee gives a value capitals and the spaces of the strict grammar: one behind the circuits, one before the
// note, no other.
func tidyGuarantee(s string) string {
	s = strings.ReplaceAll(upper(s), "€", "EUR")
	var b strings.Builder
	words := strings.FieldsFunc(s, isBlank)
	for i, word := range words {
		if i > 0 && !joins(words[i-1], word) {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	value, note, found := strings.Cut(b.String(), "(")
	if !found {
		return value
	}
	return strings.TrimSuffix(value, " ") + " (" + note
}

// joins reports whether the space between two words is only typographic.
func joins(before, after string) bool {
	return after[0] == '/' || after[0] == '%' || after[0] == ')' || after == "EUR" || strings.HasPrefix(after, "EUR(") ||
		before[len(before)-1] == '/' || before[len(before)-1] == '('
}

// upper makes ASCII letters capital and leaves every other one to be refused.
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - ('a' - 'A')
		}
		return r
	}, s)
}
