// The number of a complementary insurer (N° AMC), printed in many forms and compared in one.

package rights

import "strings"

// AMC is a N° AMC as printed without its spaces: 1 to 10 of A-Z 0-9, at least one of them not 0.
// It resembles a SIREN but follows no check digit: real ones fail Luhn.
type AMC string

// ErrAMC is what ParseAMC returns.
var ErrAMC = &Invalid{"amc_format", "le N° AMC doit avoir 1 à 10 chiffres ou lettres majuscules, et autre chose que des zéros",
	"N° AMC must be 1 to 10 of A-Z 0-9, not all zeros"}

// ParseAMC reads a N° AMC; spaces are dropped, leading zeros kept. The error is ErrAMC.
func ParseAMC(s string) (AMC, error) {
	s = dropSpaces(s)
	if len(s) == 0 || len(s) > MaxAMC || !isUpperAlnum(s) || strings.Trim(s, "0") == "" {
		return "", ErrAMC
	}
	return AMC(s), nil
}

// Key returns what is compared: spaces and leading zeros stripped. For a parsed AMC it is never empty, and safe as a
// part of a path or of a role's name.
func (a AMC) Key() string {
	return strings.TrimLeft(dropSpaces(string(a)), "0")
}

// dropSpaces removes spaces, also the no-break ones that word processors put into numbers.
func dropSpaces(s string) string {
	if strings.IndexFunc(s, isSpace) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isSpace(r) {
			return -1
		}
		return r
	}, s)
}

func isSpace(r rune) bool { return r == ' ' || r == '\u00a0' || r == '\u202f' }

func isUpperAlnum(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
