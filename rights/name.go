// The rule of names: what may stand on a card, on a screen and in a spreadsheet without deceiving who reads it.

package rights

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The refusals of CheckName. A name with a refused character gives an Invalid of code "name_character" that says which.
var (
	ErrNameEmpty    = &Invalid{"name_empty", "le nom est vide : remplissez la case", "name is empty"}
	ErrNameLong     = &Invalid{"name_too_long", "le nom dépasse 64 caractères : abrégez-le", "name is longer than 64 characters"}
	ErrNameEncoding = &Invalid{"name_encoding", "le nom contient des octets illisibles : réenregistrez le fichier en UTF-8", "name is not valid UTF-8"}
	ErrNameNFC      = &Invalid{"name_not_nfc", "le nom n'est pas en forme normalisée (NFC) : resaisissez-le", "name is not in Unicode form NFC"}
	ErrNameMarks    = &Invalid{"name_marks", "le nom porte un accent sans lettre ou plus de deux accents à la suite : resaisissez-le",
		"name has a mark without letter, or more than two in a row"}
	ErrNameSpace = &Invalid{"name_space", "le nom commence ou finit par une espace, ou en a deux à la suite : retirez-les",
		"name has a leading, trailing or double space"}
	ErrNameLetter = &Invalid{"name_letter", "le nom doit commencer par une lettre ou une apostrophe et contenir une lettre",
		"name must begin with a letter or apostrophe and hold a letter"}
)

func errNameCharacter(r rune) error {
	return &Invalid{"name_character",
		fmt.Sprintf("le caractère U+%04X n'est pas admis dans un nom : lettres latines, espace, apostrophe, trait d'union et point seulement", r),
		fmt.Sprintf("name holds U+%04X", r)}
}

// CheckName is the rule for nom and prénom: Unicode form NFC; Latin letters with marks, space, ' ’ - and . ; 1 to
// MaxNameRunes code points; at most MaxMarks combining marks in a row; single spaces, none at the ends; a letter or an
// apostrophe first, so that no spreadsheet takes the name for a formula. Errors: the ErrName family and name_character.
func CheckName(s string) error {
	if s == "" {
		return ErrNameEmpty
	}
	runes, marks, letters := 0, -1, 0 // marks is -1 where no mark may stand
	ascii := true
	before := ' '
	for i, r := range s {
		if r == utf8.RuneError && isBroken(s[i:]) {
			return ErrNameEncoding
		}
		runes++
		ascii = ascii && r < utf8.RuneSelf
		switch {
		case isNameLetter(r):
			letters++
			marks = 0
		case r >= 0x300 && r <= 0x333: // marks above and below; overlays and the invisible joiner are further up
			if marks < 0 || marks == MaxMarks {
				return ErrNameMarks
			}
			marks++
		case r == ' ':
			if before == ' ' {
				return ErrNameSpace
			}
			marks = -1
		case r == '\'' || r == '’':
			marks = -1
		case r == '-' || r == '.':
			if i == 0 {
				return ErrNameLetter
			}
			marks = -1
		default:
			return errNameCharacter(r)
		}
		before = r
	}
	switch {
	case runes > MaxNameRunes:
		return ErrNameLong
	case before == ' ':
		return ErrNameSpace
	case letters == 0:
		return ErrNameLetter
	case !ascii && !norm.NFC.IsNormalString(s):
		return ErrNameNFC
	}
	return nil
}

func isBroken(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size < 2
}

// isNameLetter reports whether r is a Latin letter that names use. Look-alikes of plain letters stay out: full-width and
// long-s forms, ligatures, ordinals (all have a compatibility decomposition), click letters and phonetic signs (no upper
// case among the Latin blocks up to Extended-B).
func isNameLetter(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
	case r > 0x1EFF || !unicode.Is(unicode.Latin, r) || !unicode.IsLetter(r):
		return false
	}
	return otherNameLetters[r]
}

// otherNameLetters holds the non-ASCII letters of isNameLetter, about 750.
var otherNameLetters = func() map[rune]bool {
	m := map[rune]bool{'ß': true, 'ẞ': true}
	for r := rune(0xC0); r <= 0x1EFF; r++ {
		s := string(r)
		upper, lower := unicode.ToUpper(r), unicode.ToLower(r)
		paired := upper != lower && (upper < 0x250 || upper >= 0x1E00 && upper < 0x1F00)
		accented := norm.NFD.String(s)[0] < utf8.RuneSelf // letter and marks, such as ẗ, that has no capital
		if unicode.Is(unicode.Latin, r) && unicode.IsLetter(r) && norm.NFKC.String(s) == s && (paired || accented) {
			m[r] = true
		}
	}
	return m
}()
