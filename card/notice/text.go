// What a notice may say: plain French, and nothing that a person or a program could follow to somewhere else.

package notice

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sceau/card"
	"sceau/rights"
)

// checkText returns why a text is refused, or two empty strings.
func checkText(s string, limit int) (code, detail string) {
	if s == "" {
		return "notice_empty", "it is empty"
	}
	if !utf8.ValidString(s) {
		return "notice_encoding", "not valid UTF-8"
	}
	if utf8.RuneCountInString(s) > limit {
		return "notice_long", "longer than its bound"
	}
	before := ' '
	for _, r := range s {
		if r == ' ' && before == ' ' {
			return "notice_space", "a leading or double space"
		}
		if !isLetter(r) {
			return "notice_character", "a character outside the alphabet of notices: " + name(r)
		}
		before = r
	}
	if before == ' ' {
		return "notice_space", "a trailing space"
	}
	if why := link(s); why != "" {
		return "notice_link", why
	}
	return "", ""
}

// isLetter: the alphabet of a card's footnotes, without the two signs that a browser would read as a full stop in an
// address (NFKC makes U+2024 a point and U+2025 two) and without the backslash.
func isLetter(r rune) bool {
	return rights.IsNoteRune(r) && r != '\u2024' && r != '\u2025' && r != '\\'
}

func name(r rune) string {
	const digits = "0123456789ABCDEF"
	b := []byte("U+")
	for shift := 20; shift >= 0; shift -= 4 {
		if d := r >> shift & 15; d != 0 || len(b) > 2 || shift < 16 {
			b = append(b, digits[d])
		}
	}
	return string(b)
}

// link says what in s leads, or looks as if it led, to a page, an address or a mailbox; "" for nothing. It errs on the side of
// refusing: an author can put a space behind a full stop, a counter can't know whose page "exemple.fr" is today.
func link(s string) string {
	runes := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return ' '
		}
		return runes[i]
	}
	for i, r := range runes {
		next := at(i + 1)
		switch {
		case r == '@':
			return "an at sign: no mailbox"
		case r == '.' && unicode.IsLetter(next):
			return "a full stop directly before a letter, as in a web address: put a space behind it"
		case r == ':' && next != ' ' && !(unicode.IsDigit(at(i-1)) && unicode.IsDigit(next)):
			return "a colon directly before a character, as in a web address: put a space behind it"
		case r == '/' && next == '/':
			return "two slashes, as in a web address"
		}
	}
	if strings.Contains(strings.ToLower(s), "www.") {
		return "www., as in a web address"
	}
	if hasIPv4(s) {
		return "four numbers with full stops between them, as in an address"
	}
	return ""
}

// hasIPv4 finds four groups of one to three digits with single points between them, and no fifth: phone numbers of France have
// five groups.
func hasIPv4(s string) bool {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) {
		groups := strings.Split(strings.Trim(word, "."), ".")
		ok := len(groups) == 4
		for _, g := range groups {
			ok = ok && len(g) >= 1 && len(g) <= 3
		}
		if ok {
			return true
		}
	}
	return false
}

// isPhone is the rule of issuer.json, and besides: digits in groups, 3 to 15 of them.
func isPhone(s string) bool {
	if !card.IsPhone(s) {
		return false
	}
	digits, before := 0, byte(' ')
	for i := range len(s) {
		c := s[i]
		separator := c == ' ' || c == '.'
		if separator && (before < '0' || before > '9') {
			return false
		}
		if c >= '0' && c <= '9' {
			digits++
		}
		before = c
	}
	return before >= '0' && before <= '9' && digits >= 3 && digits <= 15
}

func (n Notice) checkTimes() error {
	for _, t := range []struct {
		field string
		at    time.Time
	}{{"issued", n.Issued}, {"from", n.From}, {"until", n.Until}} {
		if t.at.Nanosecond() != 0 || t.at.Unix() < card.MinTime || t.at.Unix() > card.MaxTime {
			return unsuitable(t.field, "notice_time", "no whole second of the years 2020 to 2099")
		}
	}
	switch {
	case !n.From.Before(n.Until):
		return unsuitable("until", "notice_order", "not after from")
	case !n.Issued.Before(n.Until):
		return unsuitable("until", "notice_order", "not after issued")
	case n.Until.Sub(n.From) > MaxLife || n.Until.Sub(n.Issued) > MaxLife:
		return unsuitable("until", "notice_life", "more than 90 days after from or issued")
	}
	return nil
}
