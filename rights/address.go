// The postal address of a contract: where its letters go, by the six lines of NF Z 10-011. It is never on a card nor in its code.

package rights

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Address is where the letters of a contract go. Its lines are what stands between the name and the postal code.
type Address struct {
	Lines      []string `json:"lines"`          // 1 to 4 (3 abroad, where the country takes one), each at most MaxAddressRunes characters
	PostalCode string   `json:"cp"`             // 5 digits in France; free elsewhere, where it may be empty
	City       string   `json:"ville"`          // as the post writes it, CEDEX included
	Country    string   `json:"pays,omitempty"` // ISO 3166-1 alpha-2 in capitals; "" is France
}

// The refusals of Address.Check. A refused character gives an Invalid of code "address_character" that says which.
var (
	ErrAddressLines = &Invalid{"address_lines", "une adresse a de 1 à 4 lignes avant le code postal (3 à l'étranger) : remplissez-en une, ou regroupez-les",
		"address must have 1 to 4 lines, 3 abroad"}
	ErrAddressLong = &Invalid{"address_too_long", "une ligne d'adresse dépasse 38 caractères (norme NF Z 10-011) : abrégez-la ou répartissez-la",
		"line of an address is longer than 38 characters"}
	ErrCityEmpty  = &Invalid{"city_empty", "l'adresse n'a pas de ville : remplissez-la, ou videz toute l'adresse", "address has no city"}
	ErrPostalCode = &Invalid{"postal_code", "un code postal français a 5 chiffres, de 01000 à 98999 (20000 à 20999 en Corse, jamais 2A ni 2B) : un tableur a peut-être retiré le zéro de tête",
		"French postal code must be 5 digits"}
	ErrForeignCode = &Invalid{"postal_code", "un code postal étranger a 10 caractères au plus parmi A-Z, 0-9, l'espace et le trait d'union",
		"foreign postal code must be at most 10 of A-Z 0-9 space -"}
	ErrCountry = &Invalid{"country_unknown", "pays inconnu : écrivez son code ISO à deux lettres (BE, CH…) ou son nom français, rien pour la France",
		"country must be an ISO 3166-1 alpha-2 code"}
	ErrAddressText = &Invalid{"address_text", "une ligne d'adresse doit commencer par une lettre ou un chiffre, sans espace double ni à la fin, sans accent isolé : resaisissez-la",
		"line of an address is not in its one form"}
)

// Check reports the first rule that a breaks: letters as names allow, digits and the punctuation of streets; lines and city
// together no wider than an envelope's. A valid address has one form. Errors: those above and address_character.
func (a Address) Check() error {
	if a.Country == "FR" || a.Country != "" && countries()[a.Country] == "" || frenchTerritories[a.Country] {
		return ErrCountry // France and its territories have the form ""
	}
	abroad := a.Country != ""
	if len(a.Lines) == 0 || len(a.Lines) > MaxAddressLines || abroad && len(a.Lines) == MaxAddressLines {
		return ErrAddressLines
	}
	for i, line := range a.Lines {
		if err := checkAddressText(line); err != nil {
			return fmt.Errorf("address line %d: %w", i+1, err)
		}
	}
	if err := a.CheckPostalCode(); err != nil {
		return err
	}
	if a.City == "" {
		return ErrCityEmpty
	}
	if err := checkAddressText(a.City); err != nil {
		return fmt.Errorf("city: %w", err)
	}
	if utf8.RuneCountInString(a.place()) > MaxAddressRunes {
		return fmt.Errorf("city: %w", ErrAddressLong)
	}
	return nil
}

// CheckPostalCode checks the postal code alone. Errors: ErrPostalCode, ErrForeignCode.
func (a Address) CheckPostalCode() error {
	if a.Country == "" {
		if len(a.PostalCode) != 5 || !isDigits(a.PostalCode) || a.PostalCode < "01000" || a.PostalCode >= "99000" {
			return ErrPostalCode
		}
		return nil
	}
	code := a.PostalCode
	if len(code) > 10 || code != strings.TrimSpace(code) || strings.Contains(code, "  ") || strings.HasPrefix(code, "-") ||
		!isUpperAlnum(strings.NewReplacer(" ", "", "-", "").Replace(code)) {
		return ErrForeignCode
	}
	return nil
}

// CheckAddressLine checks one line, or a city. Errors: ErrAddressLong, ErrAddressText, address_character.
func CheckAddressLine(s string) error { return checkAddressText(s) }

func checkAddressText(s string) error {
	runes, marks := 0, -1 // marks is -1 where no mark may stand
	before := ' '
	for _, r := range s {
		runes++
		switch {
		case r == utf8.RuneError:
			return ErrAddressText
		case isNameLetter(r):
			marks = 0
		case r >= 0x300 && r <= 0x333:
			if marks < 0 || marks == MaxMarks {
				return ErrAddressText
			}
			marks++
		case r >= '0' && r <= '9':
			marks = -1
		case strings.ContainsRune(" '’-.,/()&°", r):
			if runes == 1 || r == ' ' && before == ' ' {
				return ErrAddressText
			}
			marks = -1
		default:
			return &Invalid{"address_character",
				fmt.Sprintf("le caractère U+%04X n'est pas admis dans une adresse : lettres latines, chiffres, espace et ' ’ - . , / ( ) & ° seulement", r),
				fmt.Sprintf("address holds U+%04X", r)}
		}
		before = r
	}
	switch {
	case runes == 0 || before == ' ' || !norm.NFC.IsNormalString(s):
		return ErrAddressText
	case runes > MaxAddressRunes:
		return ErrAddressLong
	}
	return nil
}

// Equal says whether two addresses are one; nil is no address.
func (a *Address) Equal(b *Address) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.PostalCode == b.PostalCode && a.City == b.City && a.Country == b.Country && strings.Join(a.Lines, "\n") == strings.Join(b.Lines, "\n")
}

// place is the line of postal code and city.
func (a Address) place() string { return strings.TrimSpace(a.PostalCode + " " + a.City) }

// Envelope gives what stands in the window: the first beneficiary of c, the address, and the city in capitals; abroad the country
// below it, in French as the French post sorts by it. At most 6 lines of at most MaxAddressRunes characters.
func (a Address) Envelope(c Contract) []string {
	var lines []string
	if len(c.Beneficiaries) > 0 {
		lines = append(lines, addressee(c.Beneficiaries[0]))
	}
	lines = append(lines, a.Lines...)
	lines = append(lines, fit(capitals(a.place())))
	if a.Country != "" {
		lines = append(lines, fit(capitals(countries()[a.Country])))
	}
	return lines
}

// addressee is a name as wide as an envelope at most: prénom and nom, else the prénom's initial, else the nom cut.
func addressee(b Beneficiary) string {
	for _, name := range []string{b.Prenom + " " + b.Nom, initials(b.Prenom) + " " + b.Nom, b.Nom} {
		if utf8.RuneCountInString(name) <= MaxAddressRunes {
			return name
		}
	}
	return fit(b.Nom)
}

// initials is "J.-P." of Jean-Pierre and "M. C." of Marie Claire.
func initials(prenom string) string {
	var b strings.Builder
	begin := true
	for _, r := range prenom {
		switch {
		case r == ' ' || r == '-':
			b.WriteRune(r)
			begin = true
		case begin && isNameLetter(r):
			b.WriteString(string(r) + ".")
			begin = false
		}
	}
	return b.String()
}

// fit cuts a text to the width of an envelope, between two letters and never before a mark.
func fit(s string) string {
	runes := []rune(s)
	if len(runes) <= MaxAddressRunes {
		return s
	}
	end := MaxAddressRunes
	for end > 1 && unicode.Is(unicode.Mn, runes[end]) {
		end--
	}
	return strings.TrimRight(string(runes[:end]), " -'’.,/(&")
}

// capitals keeps accents, but for ß: its capital form is two letters, which could be too wide.
func capitals(s string) string { return strings.ToUpper(s) }

// SortKey orders addresses as the post does, by a plain comparison: France first, then countries by their code; in each the postal
// code, the city and the lines without regard to case, accents and punctuation.
func (a Address) SortKey() string {
	country := a.Country
	if country == "" {
		country = " "
	}
	var b strings.Builder
	for _, part := range append([]string{country, a.PostalCode, a.City}, a.Lines...) {
		b.WriteString(sortable(part))
		b.WriteByte(0)
	}
	return b.String()
}

func sortable(s string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteString(strings.ToUpper(string(r)))
		default:
			space = true
		}
	}
	if b.Len() == 0 && s != "" {
		return " " // France
	}
	return b.String()
}
