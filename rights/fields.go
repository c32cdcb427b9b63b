// The rules of a contract's other printed facts: N° adhérent, type de convention, CSR, footnotes, period, domain codes.

package rights

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The refusals of the checks below. A note with a refused character gives an Invalid of code "note_character".
var (
	ErrAdherent = &Invalid{"adherent_format", "le N° adhérent doit avoir 1 à 16 caractères parmi A-Z, 0-9, - et /, et commencer par une lettre ou un chiffre",
		"N° adhérent must be 1 to 16 of A-Z 0-9 - /, beginning with a letter or digit"}
	ErrConvention   = &Invalid{"convention_format", "un type de convention a 2 caractères parmi A-Z et 0-9", "type de convention must be 2 of A-Z 0-9"}
	ErrCSR          = &Invalid{"csr_format", "le CSR doit avoir 1 à 8 caractères parmi A-Z et 0-9, ou être vide", "CSR must be 1 to 8 of A-Z 0-9"}
	ErrDomain       = &Invalid{"domain_format", "un code de domaine a 2 à 6 caractères parmi A-Z et 0-9", "domain code must be 2 to 6 of A-Z 0-9"}
	ErrPeriod       = &Invalid{"period_order", "le dernier jour est avant le premier : vérifiez les deux dates", "last day before first day"}
	ErrDateRange    = &Invalid{"date_range", "la date doit être entre le 01/01/2020 et le 31/12/2099", "day not between 2020-01-01 and 2099-12-31"}
	ErrNoteEmpty    = &Invalid{"note_empty", "une note est vide : remplissez-la ou retirez son séparateur |", "note is empty"}
	ErrNoteLong     = &Invalid{"note_too_long", "une note dépasse 120 caractères : abrégez-la", "note is longer than 120 characters"}
	ErrNoteSpace    = &Invalid{"note_space", "une note commence ou finit par une espace, ou en a deux à la suite : retirez-les", "note has a leading, trailing or double space"}
	ErrNoteEncoding = &Invalid{"note_encoding", "une note contient des octets illisibles : réenregistrez le fichier en UTF-8", "note is not valid UTF-8"}
	ErrNoteURL      = &Invalid{"note_url", "une note ne peut pas contenir d'adresse web : donnez un numéro de téléphone", "note holds a web address"}
)

// CheckAdherent checks a N° adhérent: 1 to MaxAdherent of A-Z 0-9 - /, a letter or digit first. Error: ErrAdherent.
func CheckAdherent(s string) error {
	if s == "" || len(s) > MaxAdherent || !isUpperAlnum(s[:1]) {
		return ErrAdherent
	}
	for i := range len(s) {
		if s[i] != '-' && s[i] != '/' && !isUpperAlnum(s[i:i+1]) {
			return ErrAdherent
		}
	}
	return nil
}

// CheckConvention checks the form of a type de convention (a circuit): 2 of A-Z 0-9. Error: ErrConvention.
func CheckConvention(s string) error {
	if len(s) != 2 || !isUpperAlnum(s) {
		return ErrConvention
	}
	return nil
}

// CheckCSR checks a critère secondaire de routage: up to MaxCSR of A-Z 0-9; it may be empty. Error: ErrCSR.
func CheckCSR(s string) error {
	if len(s) > MaxCSR || !isUpperAlnum(s) {
		return ErrCSR
	}
	return nil
}

// CheckDomain checks the form of a domain code: 2 to 6 of A-Z 0-9. Error: ErrDomain.
func CheckDomain(s string) error {
	if len(s) < 2 || len(s) > 6 || !isUpperAlnum(s) {
		return ErrDomain
	}
	return nil
}

// CheckPeriod checks the first and last day of a contract, both inclusive. Errors: ErrDateRange, ErrPeriod.
func CheckPeriod(from, to Date) error {
	if from < FirstDay || from > LastDay || to < FirstDay || to > LastDay {
		return ErrDateRange
	}
	if to < from {
		return ErrPeriod
	}
	return nil
}

// CheckNote checks a footnote: one line of French text, 1 to MaxNoteRunes code points; composed Latin
// letters (which are in NFC), digits, ASCII signs except |, those of Latin-1 and the typographic ones. No web address: nothing on a card
// leads to a page. Errors: the ErrNote family and note_character.
func CheckNote(s string) error {
	if s == "" {
		return ErrNoteEmpty
	}
	before := ' '
	for _, r := range s {
		if r == ' ' && before == ' ' {
			return ErrNoteSpace
		}
		if r == utf8.RuneError {
			return ErrNoteEncoding
		}
		if !isNoteRune(r) {
			return &Invalid{"note_character",
				fmt.Sprintf("le caractère U+%04X n'est pas admis dans une note : retirez-le", r),
				fmt.Sprintf("note holds U+%04X", r)}
		}
		before = r
	}
	switch lower := strings.ToLower(s); {
	case before == ' ':
		return ErrNoteSpace
	case utf8.RuneCountInString(s) > MaxNoteRunes:
		return ErrNoteLong
	case strings.Contains(lower, "://") || strings.Contains(lower, "www."):
		return ErrNoteURL
	}
	return nil
}

// IsNoteRune says whether a footnote may hold r. Longer texts that a counter shows follow the same alphabet.
func IsNoteRune(r rune) bool { return isNoteRune(r) }

func isNoteRune(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= ' ' && r != 0x7F && r != '|'
	case r < 0x100:
		return unicode.IsPrint(r) && r != 0xAD
	case r >= 0x2010 && r <= 0x2026, r == '‰', r == '‹', r == '›', r == '€': // dashes, quotes, bullet, ellipsis
		return r != 0x2011 // no-break hyphen: looks like -
	}
	return isNameLetter(r)
}
